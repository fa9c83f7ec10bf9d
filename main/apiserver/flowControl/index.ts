import { mandatorySchemas } from '../../api/flowControl.ts';
import type { FlowSchema, PriorityLevelConfiguration } from '../../api/index.ts';
import { tooManyRequests } from '../../api/status.ts';
import type { Store } from '../../store/index.ts';
import type { Clock } from '../../util/clock.ts';
import { LiveObjects } from '../auth/liveObjects.ts';
import type { RequestInfo, UserInfo } from '../auth/types.ts';
import type { Call } from '../call.ts';
import { rootOf } from '../registry/keys.ts';
import { distinguisher, matchesSchema } from './matching.ts';
import { Levels, type About, type Level } from './levels.ts';
import type { Flowing, Rejection } from './queueSet.ts';
import { seatsOf, type Population } from './seats.ts';

export { FlowSchemaController } from './schemaController.ts';
export { flowDumps } from './dumps.ts';
export { describeFlows } from './metrics.ts';

/** Which flow a request belongs to: the uids of its schema and of the priority level that it names. */
export interface Flow {
  schema: string;
  level: string;
}

/** A request that may run; `finish` once it has. */
export interface Ticket {
  /** Absent as long as the objects are not there that it is of. */
  flow?: Flow;
  finish(): void;
}

const group = 'flowcontrol.apiserver.k8s.io';
/** Milliseconds: how long a watch waits for its turn. */
const longestWait = 15_000;
/** Which part of its time another request may wait. */
const waitingPart = 0.25;
const adjustmentPeriod = 10_000;

type Asking = Pick<Call, 'user' | 'info' | 'query' | 'onGone' | 'flow'>;

/**
 * Says by the cluster's flow schemas which flow a request is of, and lets each priority level run only so many at once;
 * answers tell the client in two headers. Nothing runs while nobody asks: seats are divided anew when a request comes and
 * the last division is old. Mirrors k8s.io/apiserver/pkg/util/flowcontrol (apf_controller.go, apf_filter.go).
 */
export class FlowControl {
  readonly #schemas: LiveObjects<FlowSchema>;
  readonly #levelObjects: LiveObjects<PriorityLevelConfiguration>;
  readonly levels: Levels;
  /** How long those waited who run: told to metrics. */
  onStart: (level: string, schema: string, waitedMilliseconds: number, runs: boolean) => void = () => {};
  #sorted: FlowSchema[] = mandatorySchemas;
  /** The versions of schemas and levels that the rest is made of. */
  #computedFor = { schemas: -1, levels: -1 };
  #adjusted: number;
  readonly #watchers = new Map<string, number>();
  readonly #population: Population;

  /** `seats`: how many the whole server has. */
  constructor(
    store: Store,
    private readonly clock: Clock,
    seats: number,
  ) {
    this.#schemas = new LiveObjects(store, { group, resource: 'flowschemas' });
    this.#levelObjects = new LiveObjects(store, { group, resource: 'prioritylevelconfigurations' });
    this.levels = new Levels(seats, () => clock.monotonic(), (ms, fn) => void clock.setTimer(ms, fn));
    this.levels.configure([]);
    this.#adjusted = clock.monotonic();
    this.#population = {
      objects: (info) => store.count(`${rootOf(info)}${info.namespace ? `${info.namespace}/` : ''}`),
      watchers: (info) => this.#watchers.get(collection(info)) ?? 0,
    };
  }

  /**
   * A ticket at once or when it is its turn; throws 429, or rejects with it. `timeout`: in how many milliseconds the
   * client wants to be answered.
   */
  enter(call: Asking, timeout?: number): Ticket | Promise<Ticket> {
    const { user, info } = call;
    this.#refresh();
    const schema = this.#schemaOf(user, info);
    const level = this.levels.get(schema.spec!.priorityLevelConfiguration.name)!;
    const [schemaUid, levelUid] = [schema.metadata!.uid, level.configuration.metadata!.uid];
    // The client is told of its flow even when it is turned away.
    if (schemaUid && levelUid) call.flow = { schema: schemaUid, level: levelUid };
    const about: About = { info, user, schema: level.countsOf(schema.metadata!.name!), distinguisher: distinguisher(schema.spec!.distinguisherMethod, user, info) };
    const seats = seatsOf(info, call.query, level.maxSeats, this.#population);
    const flow = `${schema.metadata!.name}\0${about.distinguisher}`;
    let leaving: { cancel(): void } | undefined;
    const started = level.set.start(about, seats, flow, (leave) => {
      leaving = this.clock.setTimer(timeout === undefined ? longestWait : timeout * waitingPart, () => leave('time-out'));
      call.onGone(() => leave('cancelled'));
    });
    const admit = (result: Flowing<About> | Rejection) => {
      leaving?.cancel();
      if (typeof result === 'string') throw this.#turnedAway(level, about, result);
      return this.#ticket(level, result, call);
    };
    return started instanceof Promise ? started.then(admit) : admit(started);
  }

  close(): void {
    this.#schemas.close();
    this.#levelObjects.close();
  }

  #schemaOf(user: UserInfo, info: RequestInfo): FlowSchema {
    for (const schema of this.#sorted) if (matchesSchema(schema, user, info)) return schema;
    return this.#sorted.at(-1)!;
  }

  #ticket(level: Level, flowing: Flowing<About>, call: Asking): Ticket {
    const { schema } = flowing.about;
    schema.dispatched++;
    if (!level.isExempt) this.onStart(level.name, schema.name, flowing.started! - flowing.arrived, true);
    if (call.info.verb === 'watch') this.#countWatcher(call);
    return { flow: call.flow, finish: () => level.set.finish(flowing) };
  }

  #turnedAway(level: Level, { schema }: About, why: Rejection): Error {
    schema.rejected[why] = (schema.rejected[why] ?? 0) + 1;
    this.onStart(level.name, schema.name, 0, false);
    return tooManyRequests('Too many requests, please try again later.', level.retryAfter.turnedAway(this.clock.now()));
  }

  #countWatcher({ info, onGone }: Asking): void {
    const key = collection(info);
    const count = (by: number) => void this.#watchers.set(key, (this.#watchers.get(key) ?? 0) + by);
    count(1);
    onGone(() => count(-1));
  }

  #refresh(): void {
    const now = this.clock.monotonic();
    if (!this.#schemas.ready || !this.#levelObjects.ready) {
      // Requests do not wait for this; the first ones are of the mandatory flows.
      void Promise.all([this.#schemas.load(), this.#levelObjects.load()]).catch(() => undefined);
    } else if (this.#computedFor.schemas !== this.#schemas.version || this.#computedFor.levels !== this.#levelObjects.version) {
      this.#computedFor = { schemas: this.#schemas.version, levels: this.#levelObjects.version };
      this.levels.configure(this.#levelObjects.all());
      this.#sorted = sorted(this.#schemas.all(), this.levels);
      this.#adjusted = now;
    }
    if (now - this.#adjusted < adjustmentPeriod) return;
    this.#adjusted = now;
    this.levels.adjust();
  }
}

const collection = ({ group, resource }: RequestInfo) => `${resource}.${group}`;

/** By precedence, and by name where that is the same; without those whose level is not there. */
function sorted(schemas: Iterable<FlowSchema>, levels: Levels): FlowSchema[] {
  const known = new Map(mandatorySchemas.map((schema) => [schema.metadata!.name!, schema]));
  for (const schema of schemas) known.set(schema.metadata!.name!, schema);
  const precedence = ({ spec }: FlowSchema) => spec?.matchingPrecedence ?? 0;
  return [...known.values()]
    .filter(({ spec }) => levels.get(spec?.priorityLevelConfiguration.name ?? '')?.quiescing === false)
    .sort((a, b) => precedence(a) - precedence(b) || (a.metadata!.name! < b.metadata!.name! ? -1 : 1));
}
