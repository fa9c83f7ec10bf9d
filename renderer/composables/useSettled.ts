import { onScopeDispose, shallowRef, watch, type Ref, type ShallowRef } from 'vue';
import { client } from '../client/index.ts';

/** Follows a value that costs much to draw: at once, but not again before so many milliseconds have passed; 0: each time. */
export function useSettled<T>(source: Readonly<Ref<T>>, pauseMs: () => number): Readonly<ShallowRef<T>> {
  const settled = shallowRef(source.value);
  let cancel: (() => void) | undefined;
  let late = false;
  const pass = () => {
    cancel = undefined;
    if (!late) return;
    late = false;
    take();
  };
  const take = () => {
    settled.value = source.value;
    const pause = pauseMs();
    if (pause > 0) cancel = client().timing.after(pause, pass);
  };
  watch(source, () => {
    if (cancel) late = true;
    else take();
  }, { flush: 'sync' });
  onScopeDispose(() => cancel?.());
  return settled;
}
