import { hostMatches } from '../match.ts';

/**
 * The names that a listener and a route have in common; empty text stands for all names. Undefined if there are none.
 * Mirrors what the API reference of Gateway API's HTTPRouteSpec says of hostnames.
 */
export function commonHostnames(listener: string | undefined, route: string[] | undefined): string[] | undefined {
  if (!route?.length) return [listener ?? ''];
  const common = route.flatMap((name) => {
    const one = narrower(listener ?? '', name);
    return one === undefined ? [] : [one];
  });
  return common.length ? [...new Set(common)] : undefined;
}

function narrower(a: string, b: string): string | undefined {
  if (a === '' || a === b) return b;
  if (within(b, a)) return b;
  return within(a, b) ? a : undefined;
}

/** Whether every name that is meant by `name` is by `wildcard` too. */
const within = (name: string, wildcard: string): boolean => wildcard.startsWith('*.') && hostMatches(wildcard, name.startsWith('*.') ? `any${name.slice(1)}` : name, false);
