import { defineStore } from 'pinia';
import { shallowRef } from 'vue';

export interface ManifestFile {
  /** Path within what was dropped, such as `app/deployment.yaml`. */
  name: string;
  text: string;
}

/** Files that were dropped on the window or opened with it, until the review has dealt with them. */
export const useManifests = defineStore('manifests', () => {
  const files = shallowRef<readonly ManifestFile[]>([]);

  function offer(more: readonly ManifestFile[]): void {
    files.value = [...files.value.filter((old) => !more.some(({ name }) => name === old.name)), ...more];
  }

  function clear(): void {
    files.value = [];
  }

  return { files, offer, clear };
});
