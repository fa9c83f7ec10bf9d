import { ConflictError, type Store } from './store/index.ts';

/**
 * What engines on one store agree upon before any of them serves: whose cluster it is, and a number each. Their keys stand
 * beside those of the API, under `/registry/skiff/`.
 */
const root = '/registry/skiff/';
const cause = { who: 'skiff' };

/** So many nodes can each engine number on its own. */
const nodesEach = 5_000;

export interface Engine {
  /** 0 for the first that came. An engine that comes back has the number that it had. */
  number: number;
  /** The numbers of its nodes are greater than this. */
  nodesAfter: number;
  /** Whether a machine of that name is for this engine to make: the first that asks has it. */
  claimMachine(node: string): Promise<boolean>;
}

/**
 * Joins the engines of the cluster. `authority` tells clusters apart, `id` engines.
 * Throws where the store holds another cluster: tokens and certificates of the one are worth nothing to the other.
 */
export async function joinEngines(store: Store, { id, authority, pki }: { id: string; authority: string; pki: string }): Promise<Engine> {
  const owner = await take(store, `${root}authority`, authority);
  if (owner !== authority)
    throw new Error(`etcd holds a cluster with another certificate authority than the one in ${pki}: put the pki folder of an engine that runs it there, or choose another --etcd-prefix`);
  const number = await numberOf(store, id);
  return {
    number,
    nodesAfter: number * nodesEach,
    claimMachine: async (node) => (await take(store, `${root}machines/${node}`, id)) === id,
  };
}

async function numberOf(store: Store, id: string): Promise<number> {
  const prefix = `${root}engines/`;
  const { entries } = await store.list(prefix);
  const known = entries.find(({ value }) => value === id);
  if (known) return Number(known.key.slice(prefix.length));
  for (let number = 0; ; number++) if ((await take(store, `${prefix}${number}`, id)) === id) return number;
}

/** Writes the value where there is none, and says which one there is now. */
async function take(store: Store, key: string, value: string): Promise<string> {
  try {
    return (await store.put(key, () => value, { expected: 0, cause })).value;
  } catch (error) {
    if (error instanceof ConflictError && error.current) return error.current.value;
    throw error;
  }
}
