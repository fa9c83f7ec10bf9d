import { inject, provide, type ComputedRef, type InjectionKey } from 'vue';

/** What the fields of a form share: one manifest, by the paths that the API server uses. */
export interface FormContext {
  /** Whether the text can be read; while it cannot, fields show what it last said and cannot be changed. */
  broken: ComputedRef<boolean>;
  get<T = unknown>(path: string): T | undefined;
  /** `undefined` removes. */
  set(path: string, value: unknown): void;
  /** What the server said of this very field, once the user has been there. */
  errors(path: string): string[];
  /** Whether the server said something of this field or of one below it. */
  faulty(path: string): boolean;
  /** The user has been at this field: what the server says of it may be shown. */
  touch(path: string): void;
}

const key: InjectionKey<FormContext> = Symbol('form');

export const provideForm = (form: FormContext): void => provide(key, form);

export function useForm(): FormContext {
  const form = inject(key);
  if (!form) throw new Error('a field of a form stands outside of one');
  return form;
}

/** The fields below a prefix, so that one component serves every document and list entry. */
export function below(form: FormContext, prefix: string): FormContext {
  const full = (path: string) => (path === '' ? prefix : path.startsWith('[') ? `${prefix}${path}` : `${prefix}.${path}`);
  return {
    broken: form.broken,
    get: (path) => form.get(full(path)),
    set: (path, value) => form.set(full(path), value),
    errors: (path) => form.errors(full(path)),
    faulty: (path) => form.faulty(full(path)),
    touch: (path) => form.touch(full(path)),
  };
}
