import { failure } from '../../main/api/status.ts';
import type { ApiRequest, ApiResponse, Transport, WatchHandlers } from '../../main/client/index.ts';
import type { Random } from '../../main/util/random.ts';

/** A way to a server on which some writes do not arrive, and the answers of some others are lost. */
export class UnreliableTransport implements Transport {
  /** Shares of all writes. */
  unsent = 0;
  unanswered = 0;

  constructor(
    private readonly server: Transport,
    private readonly chance: Random,
  ) {}

  async request<T>(request: ApiRequest): Promise<ApiResponse<T>> {
    const writes = request.method !== 'GET';
    if (writes && this.chance.next() < this.unsent) throw failure(500, 'InternalError', 'the request was lost');
    const response = await this.server.request<T>(request);
    if (writes && this.chance.next() < this.unanswered) throw failure(500, 'InternalError', 'the answer was lost');
    return response;
  }

  watch(request: ApiRequest, handlers: WatchHandlers): { cancel(): void } {
    return this.server.watch(request, handlers);
  }
}
