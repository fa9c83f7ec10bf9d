import type { Component } from 'vue';
import type { RouteLocationRaw } from 'vue-router';
import type { KubeObject } from '../../main/api/meta.ts';
import type { Resource } from '../client/index.ts';
import type { Column } from '../components/grid/types.ts';

/** How a kind's list looks: what each column reads from an object. */
export interface KindList<T extends KubeObject = KubeObject> {
  columns: readonly Column<T>[];
  /** Column to sort by at first; the name otherwise. */
  sort?: { column: string; descending: boolean };
}

/** A tab of a kind's own on its details page. The component gets `object` and `resource`. */
export interface KindTab {
  id: string;
  /** Key of its title. */
  title: string;
  component: Component;
  /** Keep it mounted while another tab is shown (terminals, logs). */
  keep?: boolean;
}

/** What is said of something that was done. */
export interface Said {
  key: string;
  values: Record<string, string | number>;
  tone?: 'ok' | 'warn';
}

/** What the server does not let happen now, and why in its words; deleting the object is offered in its place. */
export interface Refused {
  /** Key of what leads to the words; gets `{name}`. */
  refused: string;
  words: string;
  /** Key of what deleting makes no account of; gets `{name}`. */
  instead: string;
}

/** Something to do with one object. */
export interface KindAction<T extends KubeObject = KubeObject> {
  id: string;
  /** Key of its title. */
  title: string;
  icon: string;
  /** Shown only when true; always when absent. */
  shown?(object: T): boolean;
  /** Asked before it is done: key of the question, which gets `{name}`. */
  confirm?: string;
  /** What may be lost by it, named along with the question below this title. */
  atStake?: { title: string; of(object: T): Promise<readonly string[]> };
  /** Said when it begins, where it takes a while: key, which gets `{name}`. */
  begun?: string;
  /** Resolves when done; a rejection is shown as the server said it. Resolves to what to say: its key, which gets `{name}`, or more. */
  run?(object: T, resource: Resource): Promise<string | Said | Refused | undefined>;
  /** Where it is done, for what has a screen of its own; in the place of `run`. */
  to?(object: T): RouteLocationRaw;
}

export interface KindDetails<T extends KubeObject = KubeObject> {
  /** Shown at the top of the first tab; gets `object` and `resource`. */
  summary?: Component;
  tabs?: readonly KindTab[];
  actions?: readonly KindAction<T>[];
}
