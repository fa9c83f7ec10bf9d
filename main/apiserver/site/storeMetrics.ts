import type { Registry as Metrics } from 'prom-client';
import { ConflictError, type Store } from '../../store/index.ts';
import type { Clock } from '../../util/clock.ts';
import { Counts, Distributions, type Count, type Distribution } from '../../util/series.ts';

type Operation = 'create' | 'update' | 'delete' | 'list';
interface Measures {
  requests: Count;
  errors: Count;
  durations: Distribution;
}
interface Kind {
  /** What its keys begin with. */
  root: string;
  labels: { group: string; resource: string };
  measures: Partial<Record<Operation, Measures>>;
  events?: Count;
  lists?: Count;
  fetched?: Count;
}

/**
 * A store whose writes and lists are counted and timed under the names that upstream has for etcd, whose place it takes
 * (k8s.io/apiserver/pkg/storage/etcd3/metrics).
 */
export function measuredStore(store: Store, clock: Clock, register: Metrics): Store {
  const requests = new Counts(register, { name: 'etcd_requests_total', help: 'Requests to the store by operation and kind.' });
  const errors = new Counts(register, { name: 'etcd_request_errors_total', help: 'Requests to the store that failed, by operation and kind.' });
  const durations = new Distributions(register, {
    name: 'etcd_request_duration_seconds', help: 'How long the store took, until a write was durable.',
    buckets: [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60],
  });
  const events = new Counts(register, { name: 'apiserver_storage_events_received_total', help: 'Changes that the store told of, by kind.' });
  const lists = new Counts(register, { name: 'apiserver_storage_list_total', help: 'Lists that were read from the store.' });
  const fetched = new Counts(register, { name: 'apiserver_storage_list_fetched_objects_total', help: 'Objects that were read from the store for lists.' });

  // Looked up once a kind: hashing labels for every write costs more than the rest.
  const known = new Map<string, Kind>();
  let last: Kind | undefined;
  const kindOf = (key: string): Kind => {
    // Writes of a kind come together.
    if (last && key.startsWith(last.root)) return last;
    // `/registry/<group>/<resource>/…`
    const root = key.slice(0, key.indexOf('/', key.indexOf('/', '/registry/'.length) + 1) + 1);
    last = known.get(root);
    if (!last) {
      const [group = '', resource = ''] = root.split('/').slice(2);
      known.set(root, (last = { root, labels: { group: group === 'core' ? '' : group, resource }, measures: {} }));
    }
    return last;
  };
  const measuresOf = ({ labels, measures }: Kind, operation: Operation): Measures => {
    return (measures[operation] ??= {
      requests: requests.series({ operation, ...labels }),
      errors: errors.series({ operation, ...labels }),
      durations: durations.series({ operation, ...labels }),
    });
  };
  async function measured<T>(of: Measures, work: Promise<T>): Promise<T> {
    const started = clock.monotonic();
    of.requests.add();
    try {
      return await work;
    } catch (error) {
      // Who came second is told so, which is no failure.
      if (!(error instanceof ConflictError)) of.errors.add();
      throw error;
    } finally {
      of.durations.add((clock.monotonic() - started) / 1000);
    }
  }
  const changed = (kind: Kind) => {
    (kind.events ??= events.series(kind.labels)).add();
  };
  return {
    get revision() {
      return store.revision;
    },
    get compactedRevision() {
      return store.compactedRevision;
    },
    get problem() {
      return store.problem;
    },
    isOutdated: (revision, age) => store.isOutdated(revision, age),
    fresh: (revision) => store.fresh(revision),
    get: (key) => store.get(key),
    async list(prefix, options) {
      const kind = kindOf(prefix);
      const result = await measured(measuresOf(kind, 'list'), store.list(prefix, options));
      (kind.lists ??= lists.series(kind.labels)).add();
      (kind.fetched ??= fetched.series(kind.labels)).add(result.entries.length);
      return result;
    },
    count: (prefix) => store.count(prefix),
    size: () => store.size(),
    async put(key, encode, options) {
      const kind = kindOf(key);
      const entry = await measured(measuresOf(kind, options.expected === 0 ? 'create' : 'update'), store.put(key, encode, options));
      changed(kind);
      return entry;
    },
    async delete(key, options) {
      const kind = kindOf(key);
      const entry = await measured(measuresOf(kind, 'delete'), store.delete(key, options));
      if (entry) changed(kind);
      return entry;
    },
    watch: (prefix, options) => store.watch(prefix, options),
    history: (options) => store.history(options),
    compact: (revision) => store.compact(revision),
    close: () => store.close(),
  };
}
