import { useI18n } from 'vue-i18n';
import { resourceId, type Resource } from '../client/index.ts';

/** What a list of a kind is called: Kubernetes' own word, translated where the Kubernetes documentation translates it. */
export function useKindTitle(): (resource: Pick<Resource, 'group' | 'resource' | 'kind'>) => string {
  const { t, te } = useI18n();
  return (resource) => {
    const key = `kind.${resourceId(resource).replaceAll('.', '_')}`;
    return te(key) || te(key, 'en') ? t(key) : resource.kind;
  };
}
