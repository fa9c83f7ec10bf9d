import type { Directive } from 'vue';

/** Where the keyboard starts when a dialog has opened: after the dialog has drawn and placed the focus itself. */
export const vFocus: Directive<HTMLElement> = {
  mounted: (element) => requestAnimationFrame(() => requestAnimationFrame(() => element.focus())),
};
