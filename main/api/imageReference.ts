export { fullImageName } from '../util/imageName.ts';

const domainPart = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const domain = `(?:${domainPart}(?:\\.${domainPart})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const pathPart = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const path = `${pathPart}(?:/${pathPart})*`;
const tag = '[\\w][\\w.-]{0,127}';
const digest = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';
/** What is longer is no name (github.com/distribution/reference). */
const maxName = 255;
const reference = new RegExp(`^((?:${domain}/)?${path})(?::(${tag}))?(?:@(${digest}))?$`);

/** With the default tag where there is neither tag nor digest. Throws with upstream's message for what is no image name. */
export function withDefaultTag(image: string): string {
  const match = reference.exec(image);
  if (!match) {
    const repository = image.replace(/[:@].*$/, '');
    const why =
      image !== image.toLowerCase() && reference.test(image.toLowerCase())
        ? `invalid reference format: repository name (${repository.includes('/') ? repository : `library/${repository}`}) must be lowercase`
        : 'invalid reference format';
    throw new Error(`couldn't parse image name "${image}": ${why}`);
  }
  return match[2] || match[3] ? image : `${image}:latest`;
}

/** The policy of a container that says none: what has the tag latest, or none, is always asked for. */
export function pullPolicyOf(image: string, policy: string | undefined): string {
  if (policy) return policy;
  const match = reference.exec(image);
  return match && match[1]!.length <= maxName && !match[3] && (match[2] ?? 'latest') === 'latest' ? 'Always' : 'IfNotPresent';
}
