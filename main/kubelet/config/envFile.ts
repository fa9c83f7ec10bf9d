/**
 * The value of one variable in a file of lines like `NAME='value'`: values stand in single quotes and may go over several
 * lines, `#` begins a comment. '' where it is not there. Throws for what is no such file.
 * Mirrors pkg/kubelet/util/env/env_util.go (ParseEnv).
 */
export function valueInEnvFile(text: string, key: string): string {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!.replace(/^[ \t]+/, '');
    if (line === '' || line.startsWith('#')) continue;
    const wrong = (what: string, number = at + 1) => new Error(`invalid environment variable format at line ${number}: ${what}`);
    const equals = line.indexOf('=');
    if (equals < 0) throw wrong("missing '='");
    const name = line.slice(0, equals);
    if (name.trim() === '') throw wrong('empty variable name');
    if (/[ \t]$/.test(name)) throw wrong("whitespace before '=' is not allowed");
    let rest = line.slice(equals + 1);
    // As a shell has it: the assignment ends before the blank.
    if (/^[ \t]/.test(rest)) {
      if (name === key) return '';
      continue;
    }
    if (!rest.startsWith("'")) throw wrong('value must be enclosed in single quotes');
    rest = rest.slice(1);
    const first = at + 1;
    let value = '';
    for (let end = rest.indexOf("'"); end < 0; end = rest.indexOf("'")) {
      value += `${rest}\n`;
      if (++at >= lines.length) throw new Error(`invalid environment variable format starting at line ${first}: unclosed single quote`);
      rest = lines[at]!;
    }
    const end = rest.indexOf("'");
    value += rest.slice(0, end);
    const behind = rest.slice(end + 1).replace(/^[ \t]+/, '');
    if (behind !== '' && !behind.startsWith('#')) throw wrong('unexpected content after closing quote', at + 1);
    if (name === key) return value;
  }
  return '';
}
