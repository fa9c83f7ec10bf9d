import type { Directive } from 'vue';

const watched = new WeakMap<Element, ResizeObserver>();

const measure = (element: HTMLElement) => {
  const overflows = element.scrollWidth > element.clientWidth || element.scrollHeight > element.clientHeight;
  if (overflows) element.tabIndex = 0;
  else element.removeAttribute('tabindex');
};

/** For text that may be larger than its box and holds nothing to step on: where it is, the keyboard gets to it and scrolls it. */
export const vScrolls: Directive<HTMLElement> = {
  mounted(element) {
    const observer = new ResizeObserver(() => measure(element));
    watched.set(element, observer);
    observer.observe(element);
    if (element.firstElementChild) observer.observe(element.firstElementChild);
    measure(element);
  },
  updated: measure,
  unmounted: (element) => watched.get(element)?.disconnect(),
};
