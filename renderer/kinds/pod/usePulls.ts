import { computed, onScopeDispose, shallowRef, watch, type Ref } from 'vue';
import type { Pod } from '../../../main/api/index.ts';
import { client } from '../../client/index.ts';
import { containersOf } from './containers.ts';

/** How the pull of an image goes on: bytes over all layers, as far as they are known, and the engine's own word. */
export interface ImagePull {
  image: string;
  current: number;
  total: number;
  status: string;
}

const askMs = 1_000;

/** The pulls that a pod waits for. Its kubelet is asked only as long as a container has not begun. */
export function usePulls(pod: () => Pod): Readonly<Ref<readonly ImagePull[]>> {
  const pulls = shallowRef<readonly ImagePull[]>([]);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let asked = 0;
  /** Where to ask; undefined: there is nothing to be asked. */
  const address = computed(() => {
    const { spec, metadata } = pod();
    const waits = containersOf(pod()).some(({ status }) => ['ContainerCreating', 'PodInitializing'].includes(status?.state?.waiting?.reason ?? ''));
    if (!spec?.nodeName || !metadata?.uid || !waits || metadata.deletionTimestamp) return undefined;
    return `/api/v1/nodes/${encodeURIComponent(spec.nodeName)}/proxy/imagepulls?podUID=${encodeURIComponent(metadata.uid)}`;
  });

  async function ask(path: string): Promise<void> {
    const mine = ++asked;
    // A kubelet that cannot be asked says nothing: the pod's own status stays.
    const answer = await client().api.get<{ items?: ImagePull[] }>(path).catch(() => undefined);
    if (mine !== asked || path !== address.value) return;
    pulls.value = answer?.items ?? [];
    timer = setTimeout(() => void ask(path), askMs);
  }
  function stop(): void {
    asked++;
    clearTimeout(timer);
    pulls.value = [];
  }

  watch(
    address,
    (path) => {
      stop();
      if (path) void ask(path);
    },
    { immediate: true },
  );
  onScopeDispose(stop);
  return pulls;
}

/** In hundredths; undefined while the size is not known. */
export const shareOf = ({ current, total }: ImagePull) => (total > 0 ? Math.min(100, (current / total) * 100) : undefined);

export const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
