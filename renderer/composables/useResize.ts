import { onScopeDispose, watch, type Ref } from 'vue';

/** Calls `changed` when the element is there, and whenever its size has become another. */
export function useResize(element: Readonly<Ref<HTMLElement | undefined>>, changed: (element: HTMLElement) => void): void {
  const observer = new ResizeObserver(() => element.value && changed(element.value));
  watch(element, (now, before) => {
    if (before) observer.unobserve(before);
    if (!now) return;
    changed(now);
    observer.observe(now);
  }, { flush: 'post', immediate: true });
  onScopeDispose(() => observer.disconnect());
}
