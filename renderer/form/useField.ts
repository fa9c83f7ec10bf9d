import { computed, onScopeDispose, watch, type ComputedRef } from 'vue';
import { useForm } from './context.ts';

export interface FieldOptions {
  /** Other paths by which the server speaks of this field. */
  also?: () => readonly string[];
  /** It also shows what is said of the fields below it. */
  deep?: boolean;
  /** What the window finds wrong with the field as it is; empty when nothing is. */
  check?: () => string;
}

/** A field on the screen: takes what is said of its path for as long as it is there. */
export function useField(path: () => string, options: FieldOptions = {}): { errors: ComputedRef<string[]> } {
  const form = useForm();
  const paths = () => [path(), ...(options.also?.() ?? [])];
  let releases: (() => void)[] = [];
  const release = () => {
    for (const each of releases) each();
    releases = [];
  };
  watch(
    () => paths().map((each) => form.key(each)),
    (keys, before) => {
      if (before && keys.join() === before.join()) return;
      release();
      releases = keys.map((key) => form.desk.hold(key, options.deep ?? false));
    },
    { immediate: true },
  );
  if (options.check) {
    const { check } = options;
    let complained = '';
    watch(
      () => [form.key(path()), check()] as const,
      ([key, message]) => {
        if (complained && complained !== key) form.desk.complain(complained, '');
        complained = key;
        form.desk.complain(key, message);
      },
      { immediate: true },
    );
    onScopeDispose(() => form.desk.complain(complained, ''));
  }
  onScopeDispose(release);
  return { errors: computed(() => [...new Set(paths().flatMap((each) => (options.deep ? form.errorsWithin(each) : form.errors(each))))]) };
}
