import { tooManyRequests } from '../api/status.ts';
import type { RequestInfo, UserInfo } from './auth/types.ts';

const mutating = new Set(['create', 'update', 'patch', 'delete', 'deletecollection', 'post', 'put']);

/**
 * Bounds how many requests are under way (upstream: --max-mutating-requests-inflight and --max-requests-inflight).
 * Watches and streams are not counted, nor is the privileged group.
 */
export class Inflight {
  #reading = 0;
  #writing = 0;

  constructor(
    private readonly maxReading: number,
    private readonly maxWriting: number,
  ) {}

  /** What to give to `leave` when the request is done; undefined: it is not counted. Throws 429. */
  enter(info: RequestInfo, user: UserInfo): 'reading' | 'writing' | undefined {
    if (info.verb === 'watch' || isStream(info) || user.groups.includes('system:masters')) return undefined;
    const kind = mutating.has(info.verb) ? 'writing' : 'reading';
    if (kind === 'writing' ? this.#writing >= this.maxWriting : this.#reading >= this.maxReading)
      throw tooManyRequests('Too many requests, please try again later.', 1);
    if (kind === 'writing') this.#writing++;
    else this.#reading++;
    return kind;
  }

  leave(kind: 'reading' | 'writing' | undefined): void {
    if (kind === 'writing') this.#writing--;
    else if (kind === 'reading') this.#reading--;
  }
}

const streams = new Set(['log', 'exec', 'attach', 'portforward', 'proxy']);

/** Whether an answer may take as long as it likes. */
export function isStream(info: RequestInfo): boolean {
  return streams.has(info.subresource) || info.verb === 'proxy';
}
