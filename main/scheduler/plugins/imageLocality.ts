import type { Pod } from '../../api/index.ts';
import type { SchedulerCache } from '../cache.ts';
import { maxNodeScore, type Plugin } from '../framework.ts';

const megabyte = 1024 * 1024;
const minThreshold = 23 * megabyte;
const maxContainerThreshold = 1000 * megabyte;

/** Prefers nodes that have the pod's images already; an image on few nodes counts less, so that they do not fill up. */
export function imageLocality(cache: SchedulerCache): Plugin {
  return {
    name: 'ImageLocality',
    score(_, { pod }, node) {
      if (node.images.size === 0) return 0;
      const { initContainers = [], containers } = pod.spec!;
      let sum = 0;
      for (const image of imagesOf(pod)) {
        const size = node.images.get(image);
        if (size) sum += Math.floor((size * cache.nodesWithImage(image)) / cache.nodes.length);
      }
      // Volumes add to what is there, not to what there could be.
      const max = maxContainerThreshold * (initContainers.length + containers.length);
      const clamped = Math.min(Math.max(sum, minThreshold), max);
      return Math.floor((maxNodeScore * (clamped - minThreshold)) / (max - minThreshold));
    },
  };
}

const normalized = new WeakMap<Pod, string[]>();

function imagesOf(pod: Pod): string[] {
  let images = normalized.get(pod);
  if (!images) {
    const containers = [...(pod.spec!.initContainers ?? []), ...pod.spec!.containers];
    const volumes = (pod.spec!.volumes ?? []).flatMap((volume) => volume.image?.reference ?? []);
    images = [...containers.map((container) => container.image ?? ''), ...volumes].map(withTag);
    normalized.set(pod, images);
  }
  return images;
}

/** `busybox` is `busybox:latest`; the colon of a registry's port is no tag. */
const withTag = (image: string) => (image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image);
