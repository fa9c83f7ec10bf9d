import { flushPromises, mount, type VueWrapper } from '@vue/test-utils';
import { vi } from 'vitest';
import { createPinia, setActivePinia } from 'pinia';
import { defineComponent, h, type Component } from 'vue';
import { createMemoryHistory, RouterView, type RouteLocationRaw, type Router } from 'vue-router';
import { VApp } from 'vuetify/components/VApp';
import { startClient, type Client } from '../../../renderer/client/index.ts';
import ConfirmHost from '../../../renderer/components/shell/ConfirmHost.vue';
import ForwardHost from '../../../renderer/components/shell/ForwardHost.vue';
import NoticeList from '../../../renderer/components/shell/NoticeList.vue';
import { makeI18n, type Language } from '../../../renderer/i18n/index.ts';
import { makeRouter } from '../../../renderer/router.ts';
import { useDiscovery } from '../../../renderer/stores/discovery.ts';
import { useShell } from '../../../renderer/stores/shell.ts';
import { makeVuetify } from '../../../renderer/vuetify.ts';
import { FakeBridge } from './fakeBridge.ts';
import { ManualTiming } from './manualTiming.ts';

export interface Screen {
  bridge: FakeBridge;
  client: Client;
  router: Router;
  wrapper: VueWrapper;
  /** Lets what has changed outside reach the screen, which draws changes of lists together. */
  follow(): Promise<void>;
  /** What a user can read, dialogs included. */
  text(): string;
}

/** Milliseconds; less than the first pause of a list that has failed. */
const listsDrawAfter = 300;

/** A box that every element fills: happy-dom lays nothing out, and a virtual list draws what has room. */
function giveRoom(width: number): void {
  Object.defineProperty(HTMLElement.prototype, 'clientHeight', { configurable: true, value: 400 });
  Object.defineProperty(HTMLElement.prototype, 'clientWidth', { configurable: true, value: width });
  Object.defineProperty(globalThis, 'visualViewport', { configurable: true, value: new EventTarget() });
}

/** Mounts the window's screens at an address, over a FakeBridge, with what every screen may count on. */
export async function mountScreen(at: RouteLocationRaw, prepare: (bridge: FakeBridge) => void = () => undefined, options: { language?: Language; component?: Component; width?: number } = {}): Promise<Screen> {
  giveRoom(options.width ?? 1_000);
  const bridge = new FakeBridge();
  prepare(bridge);
  const timing = new ManualTiming();
  const client = startClient(bridge, timing);
  const pinia = createPinia();
  setActivePinia(pinia);
  await useShell().start();
  await useDiscovery().load();
  const router = makeRouter(createMemoryHistory());
  await router.push(at);
  await router.isReady();
  const screen = options.component ?? RouterView;
  const root = defineComponent({ render: () => h(VApp, () => [h(screen), h(ConfirmHost), h(ForwardHost), h(NoticeList)]) });
  const wrapper = mount(root, { attachTo: document.body, global: { plugins: [pinia, router, makeI18n(options.language ?? 'en'), makeVuetify()] } });
  await settleScreen();
  const follow = async () => {
    await timing.pass(listsDrawAfter);
    await settleScreen();
  };
  return { bridge, client, router, wrapper, follow, text: () => document.body.textContent ?? '' };
}

/** Until screens that are loaded when needed have come, and what they asked for was drawn. */
export async function settleScreen(): Promise<void> {
  for (let i = 0; i < 8; i++) {
    await vi.dynamicImportSettled();
    await flushPromises();
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
}
