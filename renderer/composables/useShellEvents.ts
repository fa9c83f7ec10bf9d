import { onScopeDispose } from 'vue';
import { useRouter } from 'vue-router';
import { routeOfPath } from '../routes.ts';
import { useManifests } from '../stores/manifests.ts';
import { useShell } from '../stores/shell.ts';

interface Doors {
  openPalette(): void;
  openHelp(): void;
}

/** What menus, notifications and opened files ask the window to show. */
export function useShellEvents(doors: Doors): void {
  const router = useRouter();
  const manifests = useManifests();
  const commands: Record<string, () => void> = {
    search: doors.openPalette,
    help: doors.openHelp,
    overview: () => void router.push('/'),
    create: () => void router.push({ name: 'create', params: { kind: 'Deployment' } }),
    apply: () => void router.push({ name: 'apply' }),
    settings: () => void router.push({ name: 'settings' }),
  };
  const off = useShell().onEvent((event) => {
    if (event.type === 'command') commands[event.command]?.();
    else if (event.type === 'navigate') {
      const route = routeOfPath(event.path);
      if (route) void router.push(route);
    } else {
      manifests.offer(event.files);
      void router.push({ name: 'apply' });
    }
  });
  onScopeDispose(off);
}
