import { useI18n } from 'vue-i18n';
import type { KubeObject } from '../../main/api/meta.ts';
import { client, isNotFound, objectPath, type Resource } from '../client/index.ts';
import { dependentsOf } from '../kinds/dependents.ts';
import { useConfirm } from '../stores/confirm.ts';
import { useNotices } from '../stores/notices.ts';

const mostAtOnce = 8;

/** Asks, naming what goes along, and deletes; `why` are paragraphs on how it came to the question. Tells whether the user meant it. */
export function useDelete(): (resource: Resource, objects: readonly KubeObject[], why?: readonly string[]) => Promise<boolean> {
  const { t } = useI18n();
  const confirm = useConfirm();
  const notices = useNotices();

  return async (resource, objects, why = []) => {
    const first = objects[0];
    if (!first) return false;
    const one = objects.length === 1;
    const names = objects.map(({ metadata }) => [metadata?.namespace, metadata?.name].filter(Boolean).join('/'));
    const answering = confirm.ask({
      title: one ? t('delete.one', { kind: resource.kind, name: first.metadata?.name ?? '' }) : t('delete.many', { kind: resource.kind, count: objects.length }),
      text: one ? [...why, t('delete.forGood')] : [t('delete.allForGood')],
      items: one ? [] : names,
      action: t('action.delete'),
      destructive: true,
      unexpected: why.length > 0,
      ...(resource.kind === 'Pod' && resource.group === '' ? { option: { label: t('delete.force'), value: false } } : {}),
    });
    if (one)
      void dependentsOf(resource, first).then((found) => {
        if (found.length === 0) return;
        const key = resource.kind === 'Namespace' ? 'delete.contents' : found[0]!.uses ? 'delete.users' : 'delete.dependents';
        confirm.amend({ text: [t(key), ...why, t('delete.forGood')], items: found.map(({ kind, name }) => `${kind} ${name}`) });
      });
    const answer = await answering;
    if (!answer) return false;

    let done = 0;
    const queue = [...objects];
    const worker = async () => {
      for (let object = queue.shift(); object; object = queue.shift()) {
        try {
          await client().api.remove(objectPath(resource, object), {
            propagationPolicy: 'Background',
            ...(answer.option ? { gracePeriodSeconds: 0 } : {}),
            ...(object.metadata?.uid ? { uid: object.metadata.uid } : {}),
          });
          done++;
        } catch (error) {
          if (isNotFound(error)) done++;
          else notices.fail(error);
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(mostAtOnce, objects.length) }, worker));
    if (done > 0) notices.say(done === 1 && one ? t('delete.doneOne', { name: names[0]! }) : t('delete.doneMany', { count: done }));
    return true;
  };
}
