import type { RequestInfo } from '../auth/types.ts';
import type { Query } from '../query.ts';
import type { Seats } from './queueSet.ts';

/* How much work a request is likely to be. Mirrors k8s.io/apiserver/pkg/util/flowcontrol/request. */

const objectsPerSeat = 100;
const watchersPerSeat = 10;
const mostSeats = 10;
/** How long one seat's watchers are busy with a change, in milliseconds. */
const eventService = 5;
const one: Seats = { initial: 1, final: 0, lingering: 0 };

/** What is known of the collection that a request is about. */
export interface Population {
  objects(info: RequestInfo): number;
  watchers(info: RequestInfo): number;
}

/** `most`: how many seats a request of this level may take at all. */
export function seatsOf(info: RequestInfo, query: Query, most: number, population: Population): Seats {
  const limit = Math.min(most, mostSeats);
  switch (info.verb) {
    case 'list':
    case 'watch':
      return listed(info, query, limit, population);
    case 'create':
    case 'update':
    case 'patch':
    case 'delete': {
      if (info.resource === 'serviceaccounts' && info.subresource === 'token') return one;
      const watchers = population.watchers(info);
      if (watchers < watchersPerSeat) return one;
      const wanted = Math.ceil(watchers / watchersPerSeat);
      const final = Math.min(wanted, limit);
      return { initial: 1, final, lingering: (wanted * eventService) / final };
    }
    default:
      return one;
  }
}

function listed(info: RequestInfo, query: Query, limit: number, population: Population): Seats {
  const version = query.get('resourceVersion') ?? '';
  // A watch costs what it sends to begin with.
  if (info.verb === 'watch' && !query.flag('sendInitialEvents') && version !== '' && version !== '0') return one;
  // A name makes it a look at one object.
  if (info.name) return one;
  const seats = Math.ceil(population.objects(info) / objectsPerSeat);
  return seats <= 1 ? one : { initial: Math.min(seats, limit), final: 0, lingering: 0 };
}
