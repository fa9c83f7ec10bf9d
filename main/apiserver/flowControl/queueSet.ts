import { DemandIntegrator } from './demand.ts';
import { dealHand } from './dealer.ts';

/** How much of a level a request takes. */
export interface Seats {
  /** While it runs. */
  initial: number;
  /** After it was answered, for what its change makes others do. */
  final: number;
  /** For how long after it was answered, in milliseconds. */
  lingering: number;
}

export interface Queuing {
  queues: number;
  handSize: number;
  queueLengthLimit: number;
}

/** Why a request is turned away, as metrics name it. */
export type Rejection = 'concurrency-limit' | 'queue-full' | 'time-out' | 'cancelled';

/** One request in a level, from its arrival until its seats are free again. */
export interface Flowing<T> {
  /** What the level was given with it. */
  readonly about: T;
  readonly seats: Seats;
  /** Milliseconds on the clock that never goes back. */
  readonly arrived: number;
  started?: number;
}

interface Waiting<T> extends Flowing<T> {
  queue?: Queue<T>;
  /** When it arrived on the level's own clock. */
  virtualArrival: number;
  decide(decision: 'run' | Rejection): void;
}

class Queue<T> {
  readonly waiting: Waiting<T>[] = [];
  readonly running = new Set<Waiting<T>>();
  seatsInUse = 0;
  /** When, on the level's own clock, its next request should have its turn. */
  nextDispatch = 0;

  constructor(readonly index: number) {}

  get isActive(): boolean {
    return this.waiting.length > 0 || this.running.size > 0;
  }
}

/** How long a request is taken to run before it is known how long it did. Seconds. */
const assumedService = 0.003;
const handsKept = 1000;
const width = ({ initial, final }: Seats) => Math.max(initial, final);
/** In seats times seconds. */
const work = ({ initial, final, lingering }: Seats) => initial * assumedService + (final * lingering) / 1000;

/**
 * The requests of one priority level: so many seats at once, and queues for those who find none. The queue whose turn
 * comes first by fair shares of the seats is served next, whatever waits in the others. A request that finds a free
 * seat and nobody waiting has no queue. Mirrors k8s.io/apiserver/pkg/util/flowcontrol/fairqueuing/queueset/queueset.go.
 */
export class QueueSet<T> {
  readonly demand: DemandIntegrator;
  readonly totals = { dispatched: 0, rejected: 0, timedOut: 0, cancelled: 0 };
  seatsInUse = 0;
  seatsWaiting = 0;
  waiting = 0;
  #queuing: Queuing | undefined;
  #limit = 0;
  readonly #queues = new Map<number, Queue<T>>();
  readonly #queueless = new Set<Flowing<T>>();
  readonly #hands = new Map<string, readonly number[]>();
  #arrivals = 0;
  /** The level's own clock: seconds in which each active queue had one seat. */
  #virtualNow = 0;
  #virtualSince = 0;

  /** `exempt`: everybody runs at once; seats are counted all the same. `now` never goes back, in milliseconds. */
  constructor(
    private readonly exempt: boolean,
    private readonly now: () => number,
    private readonly setTimer: (ms: number, fn: () => void) => void,
  ) {
    this.demand = new DemandIntegrator(now());
    this.#virtualSince = now();
  }

  get running(): number {
    let running = this.#queueless.size;
    for (const queue of this.#queues.values()) running += queue.running.size;
    return running;
  }

  get isIdle(): boolean {
    return this.waiting === 0 && this.seatsInUse === 0;
  }

  get limit(): number {
    return this.#limit;
  }

  /** Without queues, those who find no seat are turned away. */
  configure(queuing: Queuing | undefined): void {
    if (queuing?.queues !== this.#queuing?.queues || queuing?.handSize !== this.#queuing?.handSize) this.#hands.clear();
    this.#queuing = queuing;
  }

  setLimit(limit: number): void {
    this.#limit = limit;
    this.#dispatch();
  }

  /**
   * At once when there is room; else the promise of an answer, or why there will be none. `onLeave` gives what to call
   * when the request does not wait any longer, and is not used where it runs at once.
   */
  start(about: T, seats: Seats, flow: string, onLeave: (leave: (why: 'time-out' | 'cancelled') => void) => void): Flowing<T> | Rejection | Promise<Flowing<T> | Rejection> {
    const arrived = this.now();
    if (this.exempt || (this.waiting === 0 && this.#hasRoom(seats))) {
      const request: Flowing<T> = { about, seats, arrived, started: arrived };
      this.#queueless.add(request);
      this.#take(width(seats), arrived);
      this.totals.dispatched++;
      return request;
    }
    const queue = this.#queuing && this.#queueOf(flow);
    if (!queue || (this.seatsInUse >= this.#limit && queue.waiting.length >= this.#queuing!.queueLengthLimit)) {
      this.totals.rejected++;
      return queue ? 'queue-full' : 'concurrency-limit';
    }
    return this.#enqueue({ about, seats, arrived }, queue, onLeave);
  }

  finish(flowing: Flowing<T>): void {
    const request = flowing as Waiting<T>;
    const { queue, seats } = request;
    const now = this.now();
    this.#advance(now);
    if (queue) {
      queue.running.delete(request);
      // What it took more or less than was thought is made up for.
      queue.nextDispatch -= seats.initial * (assumedService - (now - request.started!) / 1000);
      this.#bound(queue);
    } else this.#queueless.delete(flowing);
    const release = (at: number) => {
      this.#advance(at);
      if (queue) queue.seatsInUse -= width(seats);
      this.#take(-width(seats), at);
      this.#dispatch();
      this.#forget(queue);
    };
    if (seats.final && seats.lingering) this.setTimer(seats.lingering, () => release(this.now()));
    else release(now);
  }

  /** Every request that is here, with the index of its queue and its place in it: -1 for none. */
  *requests(): Iterable<{ request: Flowing<T>; queue: number; place: number }> {
    for (const { index, waiting, running } of this.#queues.values()) {
      for (const [place, request] of waiting.entries()) yield { request, queue: index, place };
      for (const request of running) yield { request, queue: index, place: -1 };
    }
    for (const request of this.#queueless) yield { request, queue: -1, place: -1 };
  }

  /** Every queue as the level has them, of which only those in use are kept. */
  *queues(): Iterable<{ index: number; waiting: number; running: number; seatsInUse: number; nextDispatch: number; initialSeats: number; maxSeats: number; work: number }> {
    const sum = (waiting: readonly Waiting<T>[], of: (seats: Seats) => number) => waiting.reduce((total, { seats }) => total + of(seats), 0);
    for (let index = 0; index < (this.#queuing?.queues ?? 0); index++) {
      const { waiting = [], running, seatsInUse = 0, nextDispatch = 0 } = this.#queues.get(index) ?? {};
      yield { index, waiting: waiting.length, running: running?.size ?? 0, seatsInUse, nextDispatch, initialSeats: sum(waiting, ({ initial }) => initial), maxSeats: sum(waiting, width), work: sum(waiting, work) };
    }
  }

  #hasRoom(seats: Seats): boolean {
    const wanted = width(seats);
    // What is wider than the whole level runs when nothing else does.
    return wanted > this.#limit ? this.seatsInUse === 0 && this.#limit > 0 : this.seatsInUse + wanted <= this.#limit;
  }

  #take(seats: number, now: number): void {
    this.seatsInUse += seats;
    this.demand.set(this.seatsInUse + this.seatsWaiting, now);
  }

  /** Of the queues that the flow may use, the one with the least work in it. */
  #queueOf(flow: string): Queue<T> {
    const { queues, handSize } = this.#queuing!;
    let hand = this.#hands.get(flow);
    if (!hand) {
      // A map keeps the order of insertion: the oldest goes first.
      if (this.#hands.size >= handsKept) this.#hands.delete(this.#hands.keys().next().value!);
      this.#hands.set(flow, (hand = dealHand(queues, handSize, flow)));
    }
    const offset = this.#arrivals++ % hand.length;
    let best = hand[offset]!;
    let least = Infinity;
    for (let i = 0; i < hand.length; i++) {
      const index = hand[(offset + i) % hand.length]!;
      const queued = this.#queues.get(index)?.waiting.reduce((total, { seats }) => total + work(seats), 0) ?? 0;
      if (queued >= least) continue;
      least = queued;
      best = index;
    }
    let queue = this.#queues.get(best);
    if (!queue) this.#queues.set(best, (queue = new Queue(best)));
    return queue;
  }

  #enqueue(flowing: Flowing<T>, queue: Queue<T>, onLeave: (leave: (why: 'time-out' | 'cancelled') => void) => void): Promise<Flowing<T> | Rejection> {
    return new Promise((resolve) => {
      this.#advance();
      if (!queue.isActive) queue.nextDispatch = this.#virtualNow;
      const request: Waiting<T> = Object.assign(flowing, { queue, virtualArrival: this.#virtualNow, decide: (decision: 'run' | Rejection) => resolve(decision === 'run' ? request : decision) });
      queue.waiting.push(request);
      this.#wait(1, width(request.seats));
      onLeave((why) => this.#leave(request, why));
      this.#dispatch();
    });
  }

  #wait(requests: number, seats: number): void {
    this.waiting += requests;
    this.seatsWaiting += seats;
    this.demand.set(this.seatsInUse + this.seatsWaiting, this.now());
  }

  #leave(request: Waiting<T>, why: 'time-out' | 'cancelled'): void {
    const at = request.queue!.waiting.indexOf(request);
    if (at < 0) return;
    this.#advance();
    request.queue!.waiting.splice(at, 1);
    this.#wait(-1, -width(request.seats));
    this.totals.rejected++;
    if (why === 'time-out') this.totals.timedOut++;
    else this.totals.cancelled++;
    this.#bound(request.queue!);
    this.#forget(request.queue);
    request.decide(why);
  }

  #dispatch(): void {
    if (this.waiting) this.#advance();
    while (this.waiting > 0) {
      const queue = this.#next();
      const request = queue.waiting[0]!;
      if (!this.#hasRoom(request.seats)) return;
      queue.waiting.shift();
      this.#wait(-1, -width(request.seats));
      request.started = this.now();
      queue.running.add(request);
      queue.seatsInUse += width(request.seats);
      this.#take(width(request.seats), request.started);
      queue.nextDispatch += work(request.seats);
      this.#bound(queue);
      this.totals.dispatched++;
      request.decide('run');
    }
  }

  /** The queue whose first request would be done first if all shared the seats evenly. */
  #next(): Queue<T> {
    let best: Queue<T> | undefined;
    let earliest = Infinity;
    for (const queue of this.#queues.values()) {
      const [first] = queue.waiting;
      if (!first) continue;
      const done = queue.nextDispatch + work(first.seats);
      if (best && done >= earliest) continue;
      earliest = done;
      best = queue;
    }
    return best!;
  }

  /** A queue that was idle has not saved up turns. */
  #bound(queue: Queue<T>): void {
    const [first] = queue.waiting;
    if (first && queue.nextDispatch < first.virtualArrival) queue.nextDispatch = first.virtualArrival;
  }

  #forget(queue: Queue<T> | undefined): void {
    if (queue && !queue.isActive && !queue.seatsInUse) this.#queues.delete(queue.index);
  }

  #advance(now = this.now()): void {
    const seconds = (now - this.#virtualSince) / 1000;
    this.#virtualSince = now;
    let active = 0;
    let wanted = 0;
    for (const queue of this.#queues.values()) {
      if (queue.isActive) active++;
      wanted += queue.seatsInUse;
      for (const { seats } of queue.waiting) wanted += width(seats);
    }
    if (active) this.#virtualNow += (seconds * Math.min(wanted, this.#limit)) / active;
  }
}
