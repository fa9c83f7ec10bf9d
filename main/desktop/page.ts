import { contentSecurityPolicy, pageFile } from '../bridge/index.ts';
import type { ElectronApi } from './electron.ts';

const scheme = 'skiff-app';
/** Where the window's page lives: a scheme of its own, never file://. */
export const pageOrigin = `${scheme}://window`;

/** Must be called before the app is ready. */
export function registerPageScheme(electron: Pick<ElectronApi, 'protocol'>): void {
  electron.protocol.registerSchemesAsPrivileged([{ scheme, privileges: { standard: true, secure: true, supportFetchAPI: false, codeCache: true } }]);
}

/** Buttons copy texts. Nothing else that a page can ask for is ours. */
const isGranted = (permission: string) => permission === 'clipboard-sanitized-write';

/** Serves the built window, and nothing else, under the scheme. */
export function servePage(electron: Pick<ElectronApi, 'protocol' | 'session'>, directory: string): void {
  electron.protocol.handle(scheme, async (request) => {
    const url = new URL(request.url);
    const file = url.host === 'window' && request.method === 'GET' ? await pageFile(directory, url.pathname) : undefined;
    if (!file) return new Response('There is no such page.', { status: 404 });
    return new Response(new Uint8Array(file.body), {
      headers: { 'content-type': file.type, 'content-security-policy': contentSecurityPolicy([]), 'x-content-type-options': 'nosniff' },
    });
  });
  const session = electron.session.defaultSession;
  session.setPermissionRequestHandler((_contents, permission, answer) => answer(isGranted(permission)));
  session.setPermissionCheckHandler((_contents, permission) => isGranted(permission));
  session.setDevicePermissionHandler(() => false);
}
