import { Bytes, CelList, CelMap, Opaque, sizeOf, type Value } from './values.ts';

/** What one step may cost; mirrors k8s.io/apiserver/pkg/apis/cel/config.go. */
export const celLimits = {
  /** Of one evaluation of one expression. */
  perCall: 1_000_000,
  /** Of all expressions on one custom resource, or of one binding of a policy. */
  runtimeBudget: 10_000_000,
  /** Of all match conditions of one webhook or policy binding on one object. */
  matchConditionsBudget: 2_500_000,
  maxRequestBytes: 3 * 1024 * 1024,
  maxMessageBytes: 5 * 1024,
} as const;

export const stringFactor = 0.1;
export const regexFactor = 0.25;
export const authorizationCheckCost = 350_000;

const nominal = new Set([
  'serviceAccount', 'path', 'group', 'resource', 'subresource', 'namespace', 'name', 'allowed', 'reason', 'error', 'errored',
  'masked', 'prefixLength', 'family', 'isUnspecified', 'isLoopback', 'isLinkLocalMulticast', 'isLinkLocalUnicast', 'isGlobalUnicast',
  'format.named', 'sign', 'asInteger', 'isInteger', 'asApproximateFloat', 'isGreaterThan', 'isLessThan', 'compareTo', 'add', 'sub',
  'major', 'minor', 'patch', 'getScheme', 'getHostname', 'getHost', 'getPort', 'getEscapedPath', 'getQuery',
]);
/** Cost of one pass over the first argument. */
const onePass = new Set(['url', 'lowerAscii', 'upperAscii', 'substring', 'trim', 'jsonpatch.escapeKey', 'cidr', 'isIP', 'isCIDR', 'quantity', 'isQuantity', 'semver', 'isSemver']);
const traversed = new Set(['isSorted', 'sum', 'max', 'min', 'indexOf', 'lastIndexOf']);

export const isNominal = (name: string) => nominal.has(name);

const passes = (size: number, count = 1) => Math.ceil(size * count * stringFactor);

/** Calls whose cost only their result tells. */
export const costsByResult: ReadonlySet<string> = new Set(['list_join', 'list_join_string', 'list_slice', 'lists_range', 'list_reverse']);

/**
 * What a call costs; `result` is needed for those of `costsByResult`. Mirrors github.com/google/cel-go/interpreter (runtimecost.go) and
 * k8s.io/apiserver/pkg/cel/library (cost.go).
 */
export function callCost(name: string, overload: string, args: readonly Value[], result: Value = null): number {
  if (name === 'check') return authorizationCheckCost;
  if (nominal.has(name)) return 1;
  const [first = null, second = null] = args;
  const size = sizeOf(first);
  if (onePass.has(name)) return passes(size);
  if (traversed.has(name)) return traversalCost(first);
  switch (name) {
    case 'fieldSelector':
    case 'labelSelector': {
      const length = sizeOf(second);
      return 10 + passes(length) + Math.ceil(Math.ceil(length * 0.5) * 50);
    }
    case 'replace':
    case 'split':
    case 'ip.isCanonical':
      return passes(size, 2);
    case 'join':
      return passes(sizeOf(result), 2);
    case 'find':
    case 'findAll':
      return passes(1 + size) * Math.ceil(sizeOf(second) * regexFactor);
    case 'ip':
      return overload === 'cidr_ip' ? 1 : passes(size);
    case 'containsIP':
      return passes(size + size) + (overload === 'cidr_contains_ip_string' ? passes(sizeOf(second)) : 0);
    case 'containsCIDR':
      return passes(size + size) + passes(size) + 1 + (overload === 'cidr_contains_cidr_string' ? passes(sizeOf(second)) : 0);
    case 'validate':
      return passes(1 + sizeOf(second)) * Math.ceil(sizeOf(first) * regexFactor);
    case '_==_':
      if (first instanceof Opaque) return 1;
  }
  switch (overload) {
    case 'starts_with_string':
    case 'ends_with_string':
    case 'string_to_bytes':
    case 'bytes_to_string':
    case 'strings_quote':
    case 'string_format':
      return passes(size);
    case 'in_list':
      return sizeOf(second);
    case 'less_string':
    case 'greater_string':
    case 'less_equals_string':
    case 'greater_equals_string':
    case 'less_bytes':
    case 'greater_bytes':
    case 'less_equals_bytes':
    case 'greater_equals_bytes':
    case 'equals':
    case 'not_equals':
      return passes(Math.min(size, sizeOf(second)));
    case 'add_string':
    case 'add_bytes':
      return passes(size + sizeOf(second));
    case 'matches_string':
      return passes(1 + size) * Math.ceil(sizeOf(second) * regexFactor);
    case 'contains_string':
      return passes(size) * passes(sizeOf(second));
    default:
      return listCost(overload, args, result) ?? 1;
  }
}

/** Lists and sets; mirrors github.com/google/cel-go/ext (lists.go, sets.go). */
function listCost(overload: string, args: readonly Value[], result: Value): number | undefined {
  const [a = null, b = null] = args;
  switch (overload) {
    case 'list_sets_contains_list':
    case 'list_sets_intersects_list':
      return 1 + sizeOf(a) * sizeOf(b);
    case 'list_sets_equivalent_list':
      return 1 + 2 * sizeOf(a) * sizeOf(b);
    case 'list_slice':
    case 'lists_range':
    case 'list_reverse':
      return 11 + sizeOf(result);
    case 'list_flatten':
      return 11 + sizeOf(a);
    case 'list_flatten_int':
      return 11 + Math.ceil(sizeOf(a) * Number(b));
    case 'list_distinct':
      return 11 + selfCompareCost(a);
  }
  if (/^list_\w+_sort$/.test(overload)) return 11 + selfCompareCost(a);
  return overload.endsWith('_sortByAssociatedKeys') ? 11 + selfCompareCost(b) : undefined;
}

function selfCompareCost(list: Value): number {
  if (!(list instanceof CelList) || !list.size) return 0;
  const first = list.at(0);
  return Math.floor((typeof first === 'string' || first instanceof Bytes ? 2 + stringFactor : 2) * list.size ** 2);
}

/** Of visiting every part of a value once. */
function traversalCost(value: Value): number {
  if (typeof value === 'string') return Math.floor(Buffer.byteLength(value) * stringFactor);
  if (value instanceof Bytes) return Math.floor(value.data.length * stringFactor);
  let cost = 0;
  if (value instanceof CelList) for (const item of value) cost += traversalCost(item);
  else if (value instanceof CelMap) for (const key of value.keys()) cost += traversalCost(key) + traversalCost(value.get(key)!);
  else return 1;
  return cost;
}
