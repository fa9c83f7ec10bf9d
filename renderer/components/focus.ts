import type { Directive } from 'vue';

/** Where the keyboard starts when a dialog has opened: after the dialog has drawn and placed the focus itself. False: elsewhere. */
export const vFocus: Directive<HTMLElement, boolean | undefined> = {
  mounted: (element, { value = true }) => {
    // A field of Vuetify's is a box around what takes the keyboard.
    if (value) requestAnimationFrame(() => requestAnimationFrame(() => (element.querySelector<HTMLElement>('input, textarea') ?? element).focus()));
  },
};
