import { computed, shallowRef, watch } from 'vue';
import type { Container, Node, Pod } from '../../../main/api/index.ts';
import { fullImageName, pullPolicyOf } from '../../../main/api/imageReference.ts';
import { client, core, objectPath } from '../../client/index.ts';
import { containersOf } from './containers.ts';

const pullFailures = new Set(['ErrImagePull', 'ImagePullBackOff']);

/** As nodes list their images: with registry and tag. */
const listedName = (image: string) => fullImageName(/[:@][^/]*$/.test(image) ? image : `${image}:latest`);

/**
 * Tells whether an image that cannot be pulled is on the pod's node all the same: its pull policy is Always, as it is by
 * default for the tag latest. The node is asked once, when a pull has failed.
 */
export function useHeldImages(pod: () => Pod): (container: Pick<Container, 'image' | 'imagePullPolicy'>) => boolean {
  const names = shallowRef<ReadonlySet<string>>(new Set());
  const node = computed(() => (containersOf(pod()).some(({ status }) => pullFailures.has(status?.state?.waiting?.reason ?? '')) ? pod().spec?.nodeName : undefined));
  watch(
    node,
    async (name) => {
      if (!name) return;
      const answer = await client().api.get<Node>(objectPath(core.nodes, { metadata: { name } })).catch(() => undefined);
      if (name === node.value) names.value = new Set((answer?.status?.images ?? []).flatMap((image) => image.names ?? []));
    },
    { immediate: true },
  );
  return ({ image = '', imagePullPolicy }) => pullPolicyOf(image, imagePullPolicy) === 'Always' && names.value.has(listedName(image));
}
