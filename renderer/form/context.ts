import { inject, provide, type InjectionKey, type Ref } from 'vue';
import { fieldSteps } from '../yaml/parse.ts';
import type { RemoveOptions } from './text.ts';

export interface SetOptions extends RemoveOptions {
  /** The user has not been at what is below: what is wrong there need not be shown yet. */
  quiet?: boolean;
}

/** Which fields of a manifest are on the screen, and what they find themselves before any server does. */
export interface FieldDesk {
  /** A field on the screen shows what is said of `key`, with `deep` also of what is below it. Ends with the returned function. */
  hold(key: string, deep: boolean): () => void;
  /** What the window itself finds wrong with a field; empty when nothing is. */
  complain(key: string, message: string): void;
}

/** What the fields of a form share: one manifest, by the paths that the API server uses. */
export interface FormContext {
  /** Whether the text can be read; while it cannot, fields show what it last said and cannot be changed. */
  broken: Readonly<Ref<boolean>>;
  /** Whether an object that exists is changed, instead of a new one made. */
  editing: boolean;
  /** Counts the attempts to submit that were refused. */
  refusals: Readonly<Ref<number>>;
  desk: FieldDesk;
  /** What names this field among all documents of the manifest: the same however its path is spelled. */
  key(path: string): string;
  get<T = unknown>(path: string): T | undefined;
  /** `undefined` removes. */
  set(path: string, value: unknown, options?: SetOptions): void;
  /** What is wrong with this very field, once the user has been there. */
  errors(path: string): string[];
  /** What is wrong with this field and those below it, once the user has been there. */
  errorsWithin(path: string): string[];
  /** Whether anything is wrong with this field or with one below it. */
  faulty(path: string): boolean;
  /** The user has been at this field: what is wrong with it may be shown. */
  touch(path: string): void;
}

const key: InjectionKey<FormContext> = Symbol('form');

export const provideForm = (form: FormContext): void => provide(key, form);

export function useForm(): FormContext {
  const form = inject(key);
  if (!form) throw new Error('a field of a form stands outside of one');
  return form;
}

/** The separator is a character that no key of Kubernetes can hold. */
const separator = '\u0000';

/** `limits[cpu]` and `limits.cpu` are one field. */
export const fieldKey = (document: number, path: string): string => [String(document), ...fieldSteps(path)].join(separator);
export const isWithin = (inner: string, outer: string): boolean => inner === outer || inner.startsWith(`${outer}${separator}`);

/** A form seen through a change of its paths; what `form` returns may change. */
export function through(form: () => FormContext, full: (path: string) => string): FormContext {
  return {
    get broken() {
      return form().broken;
    },
    get editing() {
      return form().editing;
    },
    get refusals() {
      return form().refusals;
    },
    get desk() {
      return form().desk;
    },
    key: (path) => form().key(full(path)),
    get: (path) => form().get(full(path)),
    set: (path, value, options) => form().set(full(path), value, options),
    errors: (path) => form().errors(full(path)),
    errorsWithin: (path) => form().errorsWithin(full(path)),
    faulty: (path) => form().faulty(full(path)),
    touch: (path) => form().touch(full(path)),
  };
}

/** The fields below a prefix, so that one component serves every document and list entry. */
export function below(form: FormContext, prefix: string): FormContext {
  return through(
    () => form,
    (path) => (path === '' ? prefix : path.startsWith('[') ? `${prefix}${path}` : `${prefix}.${path}`),
  );
}
