import { isQualifiedName } from './names.ts';

// Sorts of resources, by their names. Mirrors pkg/apis/core/helper/helpers.go.

export const isHugePage = (name: string): boolean => name.startsWith('hugepages-');

export const isNative = (name: string): boolean => !name.includes('/') || name.includes('kubernetes.io/');

/** What a vendor's device plugin gives: `example.com/gpu`. */
export const isExtended = (name: string): boolean =>
  !isNative(name) && !name.startsWith('requests.') && isQualifiedName(`requests.${name}`).length === 0;
