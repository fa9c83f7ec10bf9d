import type { Bridge } from '../../preload/contract.ts';
import { Api } from './api.ts';
import { LiveLists } from './liveLists.ts';
import { browserTiming, type Timing } from './liveList.ts';

export { Api, causesOf, isConflict, isNotFound, messageOf, StatusError, UnreachableError } from './api.ts';
export type { DeleteOptions, PatchType, WriteOptions } from './api.ts';
export { LiveList } from './liveList.ts';
export type { LivePhase } from './liveList.ts';
export type { ListFilter } from './liveLists.ts';
export { apiVersion, core, objectPath, resourceId } from './resource.ts';
export type { Resource } from './resource.ts';

/** What the window knows of the outside. */
export interface Client {
  bridge: Bridge;
  api: Api;
  lists: LiveLists;
  timing: Timing;
}

let current: Client | undefined;

/** Chosen once, before the window is mounted. */
export function startClient(bridge: Bridge, timing: Timing = browserTiming): Client {
  const api = new Api(bridge);
  current = { bridge, api, lists: new LiveLists(api, timing), timing };
  return current;
}

export function client(): Client {
  if (!current) throw new Error('the client was not started');
  return current;
}
