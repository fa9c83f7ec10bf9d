/** Names that are CEL's own; mirrors k8s.io/apiserver/pkg/cel (escaping.go). */
const reserved = new Set([
  'true', 'false', 'null', 'in', 'as', 'break', 'const', 'continue', 'else', 'for', 'function', 'if', 'import', 'let', 'loop', 'package', 'namespace', 'return', 'var', 'void', 'while',
]);
const spelled: Record<string, string> = { __: '__underscores__', '.': '__dot__', '-': '__dash__', '/': '__slash__' };

/** How a field is spelled in an expression: `foo-bar` is `foo__dash__bar`; undefined: not at all. */
export function escapeField(name: string): string | undefined {
  if (reserved.has(name)) return `__${name}__`;
  if (!/^[a-zA-Z_./-][a-zA-Z0-9_./-]*$/.test(name)) return undefined;
  return name.replace(/__|[./-]/g, (part) => spelled[part]!);
}

/** The field that an expression's spelling means. */
export function unescapeField(escaped: string): string {
  if (!escaped.includes('__')) return escaped;
  if (escaped.startsWith('__') && escaped.endsWith('__') && reserved.has(escaped.slice(2, -2))) return escaped.slice(2, -2);
  return escaped.replace(/__(underscores|dot|dash|slash)__/g, (_, name: string) => ({ underscores: '__', dot: '.', dash: '-', slash: '/' })[name]!);
}
