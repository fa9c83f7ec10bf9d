import { onScopeDispose } from 'vue';
import { useRouter } from 'vue-router';
import { core, resourceId } from '../client/index.ts';

/** After `g`: where the next letter goes. */
export const goKeys: Readonly<Record<string, string>> = {
  o: '/',
  p: resourceId(core.pods),
  d: resourceId(core.deployments),
  r: resourceId(core.replicaSets),
  s: resourceId(core.services),
  c: resourceId(core.configMaps),
  x: resourceId(core.secrets),
  v: resourceId(core.persistentVolumes),
  n: resourceId(core.nodes),
  m: resourceId(core.namespaces),
  e: resourceId(core.events),
};

const sequenceMs = 1_200;

interface Doors {
  openPalette(): void;
  openHelp(): void;
}

/** The window's own keys; a field that is being typed in keeps its keys. */
export function useShortcuts(doors: Doors): void {
  const router = useRouter();
  let pressedG = 0;
  const onKey = (event: KeyboardEvent) => {
    const key = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && key === 'k') {
      event.preventDefault();
      doors.openPalette();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector('[role="dialog"]')) return;
    if (pressedG && event.timeStamp - pressedG < sequenceMs) {
      pressedG = 0;
      const target = goKeys[key];
      if (!target) return;
      event.preventDefault();
      void router.push(target === '/' ? '/' : { name: 'list', params: { resource: target } });
      return;
    }
    if (key === 'g') pressedG = event.timeStamp;
    else if (event.key === '?') doors.openHelp();
    else if (key === 'c') void router.push({ name: 'create', params: { kind: 'Deployment' } });
    else if (key === '/') focusFilter(event);
  };
  // In the capture phase, so that a grid's own letters do not take the second letter of a sequence.
  window.addEventListener('keydown', onKey, { capture: true });
  onScopeDispose(() => window.removeEventListener('keydown', onKey, { capture: true }));
}

function focusFilter(event: KeyboardEvent): void {
  const filter = document.querySelector<HTMLInputElement>('[data-filter] input');
  if (!filter) return;
  event.preventDefault();
  filter.focus();
  filter.select();
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName) || target.closest('.cm-editor, .xterm') !== null;
}

