import { mount } from '@vue/test-utils';
import { expect, it } from 'vitest';
import { defineComponent, h, withDirectives } from 'vue';
import { vScrolls } from '../../../renderer/components/scrolls.ts';

/** A box of 100 pixels; happy-dom lays nothing out. */
const box = (contentWidth: number) => {
  const component = defineComponent({
    props: { width: { type: Number, default: contentWidth } },
    render() {
      return withDirectives(h('div', { onVnodeBeforeMount: ({ el }) => lay(el as HTMLElement, this.width), onVnodeBeforeUpdate: ({ el }) => lay(el as HTMLElement, this.width) }, [h('p', String(this.width))]), [[vScrolls]]);
    },
  });
  return mount(component);
};
function lay(element: HTMLElement, scrollWidth: number): void {
  for (const [name, value] of Object.entries({ clientWidth: 100, clientHeight: 100, scrollWidth, scrollHeight: 100 })) Object.defineProperty(element, name, { configurable: true, value });
}

it('the keyboard gets to a text that is larger than its box, and to no other', async () => {
  const wrapper = box(200);
  expect(wrapper.attributes('tabindex')).toBe('0');
  await wrapper.setProps({ width: 90 });
  expect(wrapper.attributes('tabindex')).toBeUndefined();
  wrapper.unmount();
});
