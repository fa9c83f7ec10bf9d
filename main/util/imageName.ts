/** The registry that an image names; empty: none. */
export function hostOf(image: string): string {
  const slash = image.indexOf('/');
  const first = slash < 0 ? '' : image.slice(0, slash);
  return first.includes('.') || first.includes(':') || first === 'localhost' ? first : '';
}

/** `busybox:1` → `docker.io/library/busybox:1`: the full name, as Kubernetes' runtimes report it. */
export function fullImageName(image: string): string {
  if (!image.includes('/')) return `docker.io/library/${image}`;
  return hostOf(image) ? image : `docker.io/${image}`;
}
