import type { Pod } from './index.ts';

/** Keys (`namespace/name`) of the claims for devices that the pod uses, as far as they are known. */
export function deviceClaimKeys({ metadata, spec, status }: Pod): string[] {
  return (spec?.resourceClaims ?? []).flatMap(({ name, resourceClaimName }) => {
    const claim = resourceClaimName ?? status?.resourceClaimStatuses?.find((told) => told.name === name)?.resourceClaimName;
    return claim ? [`${metadata!.namespace}/${claim}`] : [];
  });
}
