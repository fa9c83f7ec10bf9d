/**
 * `$(NAME)` becomes the variable's value, `$$(NAME)` the text `$(NAME)`; what names no variable stays as it is.
 * Mirrors k8s.io/kubernetes/third_party/forked/golang/expansion/expand.go.
 */
export function expand(text: string, valueOf: (name: string) => string | undefined): string {
  let result = '';
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    const next = text[at + 1];
    if (char !== '$' || next === undefined) {
      result += char;
      continue;
    }
    if (next === '$') {
      result += '$';
      at++;
      continue;
    }
    const end = next === '(' ? text.indexOf(')', at + 2) : -1;
    if (end < 0) {
      result += char;
      continue;
    }
    const name = text.slice(at + 2, end);
    result += valueOf(name) ?? `$(${name})`;
    at = end;
  }
  return result;
}
