import type { Container, LimitRange, LimitRangeItem, PersistentVolumeClaim, Pod } from '../../api/index.ts';
import type { Quantity } from '../../api/quantity.ts';
import { podResources } from '../../api/podAmounts.ts';
import { quantityOf } from '../validation/resources.ts';
import { as, is, reject } from './attributes.ts';
import type { AdmissionAttributes, AdmissionPlugin } from './types.ts';

type Amounts = Record<string, Quantity>;

const annotation = 'kubernetes.io/limit-ranger';

/** Gives containers the amounts that their namespace's limit ranges say, and holds pods and claims to them. Mirrors plugin/pkg/admission/limitranger. */
export const limitRanger: AdmissionPlugin = {
  name: 'LimitRanger',
  handles(operation, resource, subresource) {
    if (is(resource, '', 'pods')) return (operation === 'CREATE' && !subresource) || (operation === 'UPDATE' && subresource === 'resize');
    return is(resource, '', 'persistentvolumeclaims') && !subresource && (operation === 'CREATE' || operation === 'UPDATE');
  },
  async admit(attributes) {
    if (!is(attributes.resource, '', 'pods') || attributes.oldObject?.metadata?.deletionTimestamp) return;
    for (const range of await rangesOf(attributes)) setDefaults(as<Pod>(attributes.object), range);
  },
  async validate(attributes) {
    // Whoever lets go of what is being deleted must not be held up by what it asked for once.
    if (attributes.oldObject?.metadata?.deletionTimestamp) return;
    for (const range of await rangesOf(attributes)) {
      const errors = new Set<string>();
      for (const item of range.spec?.limits ?? []) {
        if (is(attributes.resource, '', 'pods')) checkPod(errors, item, as<Pod>(attributes.object));
        else if (item.type === 'PersistentVolumeClaim') {
          const requests = amountsOf(as<PersistentVolumeClaim>(attributes.object).spec?.resources?.requests);
          each(item.min, (name, least) => atLeast(errors, item.type, name, least, requests, {}));
          each(item.max, (name, most) => requestAtMost(errors, item.type, name, most, requests));
        }
      }
      if (errors.size > 0) throw reject(attributes, errors.size === 1 ? [...errors][0]! : `[${[...errors].join(', ')}]`);
    }
  },
};

const rangesOf = ({ objects, namespace }: AdmissionAttributes) =>
  objects.list<LimitRange>({ group: '', version: 'v1', resource: 'limitranges' }, namespace);

function amountsOf(list: Record<string, string> | undefined): Amounts {
  const amounts: Amounts = {};
  each(list, (name, amount) => (amounts[name] = amount));
  return amounts;
}

function each(list: Record<string, string> | undefined, fn: (name: string, amount: Quantity) => void): void {
  for (const name in list) {
    const amount = quantityOf(list[name]!);
    if (amount) fn(name, amount);
  }
}

function setDefaults(pod: Pod, range: LimitRange): void {
  const limits: Record<string, string> = {};
  const requests: Record<string, string> = {};
  for (const item of range.spec?.limits ?? []) {
    if (item.type !== 'Container') continue;
    Object.assign(requests, item.defaultRequest);
    Object.assign(limits, item.default);
  }
  const notes: string[] = [];
  const merge = (kind: string, container: Container) => {
    const own = (container.resources ??= {});
    for (const [what, defaults] of [['requests', requests], ['limits', limits]] as const) {
      const set = Object.keys(defaults).filter((name) => own[what]?.[name] === undefined);
      if (!set.length) continue;
      own[what] = { ...own[what] };
      for (const name of set) own[what][name] = defaults[name]!;
      notes.push(`${set.sort().join(', ')} ${what.slice(0, -1)} for ${kind} ${container.name}`);
    }
  };
  for (const container of pod.spec?.containers ?? []) merge('container', container);
  for (const container of pod.spec?.initContainers ?? []) merge('init container', container);
  if (notes.length) (pod.metadata!.annotations ??= {})[annotation] = `LimitRanger plugin set: ${notes.join('; ')}`;
}

function checkPod(errors: Set<string>, item: LimitRangeItem, { spec }: Pod): void {
  const check = (requests: Amounts, limits: Amounts) => {
    each(item.min, (name, least) => atLeast(errors, item.type, name, least, requests, limits));
    each(item.max, (name, most) => atMost(errors, item.type, name, most, requests, limits));
    each(item.maxLimitRequestRatio, (name, most) => ratioAtMost(errors, item.type, name, most, requests, limits));
  };
  if (item.type === 'Container')
    for (const { resources } of [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])]) check(amountsOf(resources?.requests), amountsOf(resources?.limits));
  if (item.type === 'Pod' && spec) {
    const bare = { ...spec, overhead: undefined };
    check(podResources(bare, 'requests'), podResources(bare, 'limits'));
  }
}

function atLeast(errors: Set<string>, type: string, name: string, least: Quantity, requests: Amounts, limits: Amounts): void {
  const start = `minimum ${name} usage per ${type} is ${least.toString()}`;
  const [request, limit] = [requests[name], limits[name]];
  if (!request) errors.add(`${start}.  No request is specified`);
  else if (request.cmp(least) < 0) errors.add(`${start}, but request is ${request.toString()}`);
  else if (limit && limit.cmp(least) < 0) errors.add(`${start}, but limit is ${limit.toString()}`);
}

function atMost(errors: Set<string>, type: string, name: string, most: Quantity, requests: Amounts, limits: Amounts): void {
  const start = `maximum ${name} usage per ${type} is ${most.toString()}`;
  const [request, limit] = [requests[name], limits[name]];
  if (!limit) errors.add(`${start}.  No limit is specified`);
  else if (limit.cmp(most) > 0) errors.add(`${start}, but limit is ${limit.toString()}`);
  else if (request && request.cmp(most) > 0) errors.add(`${start}, but request is ${request.toString()}`);
}

function requestAtMost(errors: Set<string>, type: string, name: string, most: Quantity, requests: Amounts): void {
  const start = `maximum ${name} usage per ${type} is ${most.toString()}`;
  const request = requests[name];
  if (!request) errors.add(`${start}.  No request is specified`);
  else if (request.cmp(most) > 0) errors.add(`${start}, but request is ${request.toString()}`);
}

function ratioAtMost(errors: Set<string>, type: string, name: string, most: Quantity, requests: Amounts, limits: Amounts): void {
  const start = `${name} max limit to request ratio per ${type} is ${most.toString()}`;
  const [request, limit] = [requests[name], limits[name]];
  if (!request || request.isZero()) return void errors.add(`${start}, but no request is specified or request is 0`);
  if (!limit || limit.isZero()) return void errors.add(`${start}, but no limit is specified or limit is 0`);
  const ratio = limit.milliValue() / request.milliValue();
  if (ratio > most.milliValue() / 1000) errors.add(`${start}, but provided ratio is ${ratio.toFixed(6)}`);
}
