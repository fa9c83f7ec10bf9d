import type { PriorityLevelConfiguration } from '../../api/index.ts';
import { mandatoryLevels } from '../../api/flowControl.ts';
import type { UserInfo, RequestInfo } from '../auth/types.ts';
import { allocate, type Claim } from './allocation.ts';
import { QueueSet, type Rejection } from './queueSet.ts';
import { RetryAfter } from './retryAfter.ts';

/** What is known of a request in a level. */
export interface About {
  info: RequestInfo;
  user: UserInfo;
  schema: SchemaCounts;
  distinguisher: string;
}

/** What became of the requests of one schema in one level. */
export interface SchemaCounts {
  name: string;
  dispatched: number;
  rejected: Partial<Record<Rejection, number>>;
}

/** How fast old demand is forgotten: half of it in five minutes of adjustments. */
const smoothing = 0.977;
/** Which share of a level one request may take. */
const widest = 0.15;

/** One priority level: its seats, and those who have or wait for them. */
export class Level {
  readonly set: QueueSet<About>;
  readonly retryAfter = new RetryAfter();
  readonly schemas = new Map<string, SchemaCounts>();
  /** Seats: as configured, the fewest and the most that it may have. */
  nominal = 0;
  lower = 0;
  upper = 0;
  /** How many seats one request may take. */
  maxSeats = 1;
  readonly demand = { highWatermark: 0, average: 0, deviation: 0, smoothed: 0, target: 0 };
  /** Its object is gone, but requests are still in it. */
  quiescing = false;

  constructor(
    public configuration: PriorityLevelConfiguration,
    now: () => number,
    setTimer: (ms: number, fn: () => void) => void,
  ) {
    this.set = new QueueSet(this.isExempt, now, setTimer);
  }

  get name(): string {
    return this.configuration.metadata!.name!;
  }

  get isExempt(): boolean {
    return this.configuration.spec?.type === 'Exempt';
  }

  get shares(): number {
    const { spec } = this.configuration;
    return (this.isExempt ? spec?.exempt : spec?.limited)?.nominalConcurrencyShares ?? (this.isExempt ? 0 : 30);
  }

  countsOf(schema: string): SchemaCounts {
    let counts = this.schemas.get(schema);
    if (!counts) this.schemas.set(schema, (counts = { name: schema, dispatched: 0, rejected: {} }));
    return counts;
  }

  /** Takes over what the configuration says, of so many seats that the whole server has. */
  configure(configuration: PriorityLevelConfiguration, serverSeats: number, allShares: number): void {
    const isNew = this.nominal === 0 && this.set.limit === 0;
    this.configuration = configuration;
    const { limited, exempt } = configuration.spec ?? {};
    this.nominal = allShares > 0 ? Math.ceil((serverSeats * this.shares) / allShares) : 0;
    const lendable = Math.round((this.nominal * ((limited ?? exempt)?.lendablePercent ?? 0)) / 100);
    const borrowing = limited?.borrowingLimitPercent;
    this.lower = this.nominal - lendable;
    this.upper = this.nominal + (borrowing === undefined ? serverSeats : Math.round((this.nominal * borrowing) / 100));
    const queuing = limited?.limitResponse?.type === 'Queue' ? limited.limitResponse.queuing : undefined;
    const { queues = 64, handSize = 8, queueLengthLimit = 50 } = queuing ?? {};
    if (queuing) this.maxSeats = Math.max(1, Math.min(Math.ceil(this.nominal * widest), Math.floor(this.nominal / handSize)));
    else this.maxSeats = Infinity;
    this.set.configure(queuing && { queues, handSize, queueLengthLimit });
    if (isNew) this.set.setLimit(this.nominal - Math.floor(lendable / 2));
  }

  observeDemand(now: number): void {
    const { duration, average, deviation, max } = this.set.demand.reset(now);
    this.demand.highWatermark = Math.round(max);
    if (duration <= 0) return;
    this.demand.average = average;
    this.demand.deviation = deviation;
    const envelope = average + deviation;
    this.demand.smoothed = Math.max(envelope, smoothing * this.demand.smoothed + (1 - smoothing) * envelope);
  }

  /** The fewest seats that it should have now, by what it wanted lately. */
  get floor(): number {
    return Math.max(this.lower, this.isExempt ? this.demand.highWatermark : Math.min(this.nominal, this.demand.highWatermark));
  }
}

/**
 * All priority levels of a server, which lend each other the seats that they do not need.
 * Mirrors k8s.io/apiserver/pkg/util/flowcontrol/apf_controller.go.
 */
export class Levels {
  readonly #levels = new Map<string, Level>();
  /** The part of its target that each level gets. */
  fairFraction = 0;

  constructor(
    private readonly serverSeats: number,
    private readonly now: () => number,
    private readonly setTimer: (ms: number, fn: () => void) => void,
  ) {}

  get(name: string): Level | undefined {
    return this.#levels.get(name);
  }

  all(): Level[] {
    return [...this.#levels.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The mandatory levels are there even before their objects are. */
  configure(objects: Iterable<PriorityLevelConfiguration>): void {
    const wanted = new Map(mandatoryLevels.map((level) => [level.metadata!.name!, level]));
    for (const object of objects) wanted.set(object.metadata!.name!, object);
    for (const [name, level] of this.#levels) {
      level.quiescing = !wanted.has(name);
      if (!level.quiescing) continue;
      if (level.set.isIdle) this.#levels.delete(name);
      else wanted.set(name, level.configuration);
    }
    for (const [name, configuration] of wanted) {
      const level = this.#levels.get(name);
      if (level) level.configuration = configuration;
      else this.#levels.set(name, new Level(configuration, this.now, this.setTimer));
    }
    let shares = 0;
    for (const level of this.#levels.values()) shares += level.shares;
    for (const [name, level] of this.#levels) level.configure(wanted.get(name)!, this.serverSeats, shares);
    this.adjust();
  }

  /** Divides the seats anew by what each level wanted since the last time. */
  adjust(): void {
    const now = this.now();
    const limited: Level[] = [];
    let all = 0;
    let exempt = 0;
    for (const level of this.#levels.values()) {
      level.observeDemand(now);
      all += level.nominal;
      if (level.isExempt) exempt += level.floor;
      else limited.push(level);
    }
    for (const level of this.#levels.values()) if (level.isExempt) level.set.setLimit(level.floor);
    const total = (of: (level: Level) => number) => limited.reduce((sum, level) => sum + of(level), 0);
    const left = all - exempt;
    const [lower, floor] = [total((level) => level.lower), total((level) => level.floor)];
    if (left <= floor) {
      // Too little even for what they need: of what lies above the least, each gets the same part.
      const part = left <= lower ? 0 : (left - lower) / (floor - lower);
      this.fairFraction = 0;
      for (const level of limited) level.set.setLimit(level.lower + Math.round((level.floor - level.lower) * part));
      return;
    }
    const claims = limited.map((level): Claim => ({ lowerBound: level.floor, upperBound: level.upper, target: Math.max(level.floor, level.demand.smoothed) }));
    const { fraction, allocations } = allocate(all, claims);
    this.fairFraction = fraction;
    limited.forEach((level, i) => {
      level.demand.target = claims[i]!.target;
      level.set.setLimit(Math.round(allocations[i]!));
    });
  }
}
