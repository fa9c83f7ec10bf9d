type Step =
  | { type: 'field'; name: string }
  | { type: 'index'; index: number }
  | { type: 'all' }
  | { type: 'slice'; start: number; end: number | undefined }
  | { type: 'filter'; path: Step[]; operator: string; value: unknown };

/** A path into JSON, such as `.status.conditions[?(@.type=="Ready")].status`. */
export type JsonPath = (value: unknown) => unknown[];

/**
 * Reads the part of kubectl's JSONPath that columns use: fields, indices, slices, wildcards and filters. What is not there
 * gives nothing; a text that is no path throws. Mirrors k8s.io/client-go/util/jsonpath.
 */
export function jsonPath(text: string): JsonPath {
  const steps = parse(text);
  return (value) => steps.reduce<unknown[]>((found, step) => found.flatMap((item) => apply(step, item)), [value]);
}

function parse(text: string): Step[] {
  const steps: Step[] = [];
  let rest = text.replace(/^\$/, '');
  while (rest) {
    const match =
      /^\.(?<name>(?:\\.|[^.[\]\\])+)/s.exec(rest) ??
      /^\['(?<quoted>(?:\\.|[^'\\])*)'\]/s.exec(rest) ??
      /^\[(?<index>-?\d+)\]/.exec(rest) ??
      /^\[(?<start>-?\d*):(?<end>-?\d*)\]/.exec(rest) ??
      /^\[(?<all>\*)\]/.exec(rest) ??
      /^\[\?\(@(?<path>[^=!<>]*?)\s*(?<operator>==|!=|<=|>=|<|>)\s*(?<value>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^)]+?)\s*\)\]/s.exec(rest) ??
      /^\[\?\(@(?<path>[^)]*)\)\]/s.exec(rest);
    if (!match?.groups) {
      if (rest === '.') return steps;
      throw new Error(`unrecognized JSONPath ${JSON.stringify(text)}`);
    }
    const { name, quoted, index, start, end, all, path, operator, value } = match.groups;
    if (name === '*') steps.push({ type: 'all' });
    else if (name !== undefined || quoted !== undefined) steps.push({ type: 'field', name: (name ?? quoted!).replace(/\\(.)/gs, '$1') });
    else if (index !== undefined) steps.push({ type: 'index', index: Number(index) });
    else if (start !== undefined) steps.push({ type: 'slice', start: Number(start || 0), end: end ? Number(end) : undefined });
    else if (all !== undefined) steps.push({ type: 'all' });
    else steps.push({ type: 'filter', path: parse(path!), operator: operator ?? '', value: literal(value) });
    rest = rest.slice(match[0].length);
  }
  return steps;
}

function literal(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  if (/^["']/.test(text)) return text.slice(1, -1).replace(/\\(.)/gs, '$1');
  if (text === 'true' || text === 'false') return text === 'true';
  return Number.isNaN(Number(text)) ? text : Number(text);
}

function apply(step: Step, value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  switch (step.type) {
    case 'field': {
      const member = !Array.isArray(value) && Object.hasOwn(value, step.name) ? (value as Record<string, unknown>)[step.name] : undefined;
      return member === undefined || member === null ? [] : [member];
    }
    case 'index':
      return Array.isArray(value) && value.at(step.index) !== undefined ? [value.at(step.index)] : [];
    case 'slice':
      return Array.isArray(value) ? value.slice(step.start, step.end) : [];
    case 'all':
      return Object.values(value);
    case 'filter':
      return Object.values(value).filter((item) => {
        const [left] = step.path.reduce<unknown[]>((found, part) => found.flatMap((one) => apply(part, one)), [item]);
        return step.operator === '' ? left !== undefined : compare(left, step.operator, step.value);
      });
  }
}

function compare(left: unknown, operator: string, right: unknown): boolean {
  if (left === undefined) return false;
  if (operator === '==') return left === right;
  if (operator === '!=') return left !== right;
  if (typeof left !== typeof right || (typeof left !== 'number' && typeof left !== 'string')) return false;
  const other = right as typeof left;
  return operator === '<' ? left < other : operator === '<=' ? left <= other : operator === '>' ? left > other : left >= other;
}
