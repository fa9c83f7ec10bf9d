import type { Writable } from 'node:stream';
import { invalid, type FieldError } from '../../api/status.ts';
import type { PodLogOptions } from '../../api/kubelet.ts';
import type { Handler } from '../call.ts';
import { notAllowed } from '../chain.ts';
import { forbiddenField, invalidField, unsupportedField } from '../fieldErrors.ts';
import type { Query } from '../query.ts';
import type { Serving } from '../serving.ts';
import { isWebSocket } from './spdyUpgrade.ts';
import { containerOf, kubeletOf, podOf, targetOf } from './target.ts';
import { readOverWebSocket } from './webSocketReader.ts';

const streams = ['All', 'Stderr', 'Stdout'];

/** Mirrors pkg/registry/core/pod/rest/log.go. */
export const log =
  (serving: Serving): Handler =>
  async (call, registry) => {
    if (call.info.verb !== 'get') throw notAllowed();
    const options = logOptions(call.query, call.info.name);
    const pod = await podOf(call, registry);
    const container = containerOf(pod, call.query.get('container'));
    if (!pod.spec?.nodeName) return { type: 'text', code: 200, contentType: 'text/plain', body: '' };
    const kubelet = kubeletOf(serving, pod);
    const pump = (out: Writable, signal: AbortSignal) => kubelet.containerLogs({ ...targetOf(pod), container }, options, out, signal);
    if (call.upgrade && isWebSocket(call.upgrade)) {
      await readOverWebSocket(call.upgrade, pump);
      return { type: 'taken' };
    }
    return { type: 'stream', contentType: 'text/plain', pump };
  };

/** What is asked for of a pod's log. Throws 400 and 422. */
export function logOptions(query: Query, pod: string): PodLogOptions {
  const options: PodLogOptions = {
    follow: query.flag('follow'),
    previous: query.flag('previous'),
    timestamps: query.flag('timestamps'),
    sinceSeconds: query.integer('sinceSeconds'),
    sinceTime: query.get('sinceTime') || undefined,
    tailLines: query.integer('tailLines'),
    limitBytes: query.integer('limitBytes'),
    stream: query.get('stream') || 'All',
  };
  const errors = check(options);
  if (errors.length) throw invalid({ group: '', kind: 'PodLogOptions' }, pod, errors);
  return options;
}

/** Mirrors pkg/apis/core/validation/validation.go (ValidatePodLogOptions). */
function check({ tailLines, limitBytes, sinceSeconds, sinceTime, stream }: PodLogOptions): FieldError[] {
  const errors: FieldError[] = [];
  if (tailLines !== undefined && tailLines < 0) errors.push(invalidField('tailLines', tailLines, 'must be greater than or equal to 0'));
  if (limitBytes !== undefined && limitBytes < 1) errors.push(invalidField('limitBytes', limitBytes, 'must be greater than 0'));
  if (sinceSeconds !== undefined && sinceTime !== undefined)
    errors.push(forbiddenField('', 'at most one of `sinceTime` or `sinceSeconds` may be specified'));
  else if (sinceSeconds !== undefined && sinceSeconds < 1) errors.push(invalidField('sinceSeconds', sinceSeconds, 'must be greater than 0'));
  if (!streams.includes(stream!)) errors.push(unsupportedField('stream', stream, streams));
  if (stream !== 'All' && tailLines !== undefined) errors.push(forbiddenField('', '`tailLines` and specific `stream` are mutually exclusive for now'));
  return errors;
}
