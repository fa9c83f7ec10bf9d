/**
 * Whether a JSON text comes out again from its value as it came in, with or without a line's end. Such a text names nothing
 * twice, most clients' texts are such, and asking that way is the cheapest.
 */
export function isSameText(text: string, value: unknown): boolean {
  const again = JSON.stringify(value) ?? '';
  return text.length - again.length <= 1 && text.startsWith(again) && text.trimEnd().length === again.length;
}

/** How many complaints are enough. */
const maxComplaints = 100;
/** Nobody looks deeper into a text for what stands there twice. */
const maxDepth = 500;

/**
 * Which members a JSON text names twice, in upstream's words: `duplicate field "spec.replicas"`. The last one counts,
 * which is what JSON.parse keeps. `others` are complaints about members that the kind does not have (`unknown field …`);
 * all come in the order of the text, as Go's decoder meets them. The text must be valid JSON.
 */
export function duplicateFields(text: string, others: readonly string[] = []): string[] {
  const complaints: string[] = [];
  const waiting = new Set(others);
  const path: string[] = [];
  let at = 0;

  const space = () => {
    while (text.charCodeAt(at) <= 32) at++;
  };
  const string = (): string => {
    const start = at++;
    let escaped = false;
    for (; text[at] !== '"'; at++)
      if (text[at] === '\\') {
        escaped = true;
        at++;
      }
    at++;
    return escaped ? (JSON.parse(text.slice(start, at)) as string) : text.slice(start + 1, at - 1);
  };
  const members = () => {
    const seen = new Set<string>();
    for (at++; ; at++) {
      space();
      if (text[at] === '}') break;
      const name = string();
      path.push(path.length ? `.${name}` : name);
      if (waiting.size) {
        const unknown = `unknown field ${JSON.stringify(path.join(''))}`;
        if (waiting.delete(unknown)) complaints.push(unknown);
      }
      if (seen.has(name) && complaints.length < maxComplaints) {
        const complaint = `duplicate field ${JSON.stringify(path.join(''))}`;
        if (!complaints.includes(complaint)) complaints.push(complaint);
      }
      seen.add(name);
      space();
      at++;
      value();
      path.pop();
      space();
      if (text[at] === '}') break;
    }
    at++;
  };
  const elements = () => {
    for (let i = 0; ; i++) {
      at++;
      space();
      if (text[at] === ']') break;
      path.push(`[${i}]`);
      value();
      path.pop();
      space();
      if (text[at] === ']') break;
    }
    at++;
  };
  const skip = () => {
    let depth = 0;
    do {
      const char = text[at];
      if (char === '"') {
        string();
        continue;
      }
      if (char === '{' || char === '[') depth++;
      else if (char === '}' || char === ']') depth--;
      at++;
    } while (depth > 0);
  };
  const value = () => {
    space();
    const first = text[at];
    if (path.length > maxDepth && (first === '{' || first === '[')) return skip();
    if (first === '{') members();
    else if (first === '[') elements();
    else if (first === '"') string();
    else while (at < text.length && !',]} \t\r\n'.includes(text[at]!)) at++;
  };
  value();
  return [...complaints, ...waiting];
}
