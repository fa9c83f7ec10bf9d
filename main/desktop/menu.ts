import type { MenuItemConstructorOptions } from 'electron';
import type { ElectronApi } from './electron.ts';
import type { Texts } from './texts.ts';

export interface MenuOptions {
  platform: NodeJS.Platform;
  texts: Texts;
  openManifests(): void;
  openDocumentation(): void;
  quit(): void;
}

/** The application menu: the platform's roles, and the little that is ours. */
export function setMenu(electron: Pick<ElectronApi, 'Menu'>, options: MenuOptions): void {
  const { texts } = options;
  const template: MenuItemConstructorOptions[] = [
    ...(options.platform === 'darwin' ? [{ role: 'appMenu' } as const] : []),
    {
      label: texts.file,
      submenu: [
        { label: texts.openManifests, accelerator: 'CmdOrCtrl+O', click: options.openManifests },
        { type: 'separator' },
        { role: 'close' },
        ...(options.platform === 'darwin' ? [] : [{ label: texts.quit, accelerator: 'CmdOrCtrl+Q', click: options.quit }]),
      ],
    },
    { label: texts.edit, role: 'editMenu' },
    {
      label: texts.view,
      submenu: [{ role: 'reload' }, { type: 'separator' }, { role: 'resetZoom' }, { role: 'zoomIn' }, { role: 'zoomOut' }, { type: 'separator' }, { role: 'togglefullscreen' }],
    },
    { role: 'windowMenu' },
    { label: texts.help, role: 'help', submenu: [{ label: texts.documentation, click: options.openDocumentation }] },
  ];
  electron.Menu.setApplicationMenu(electron.Menu.buildFromTemplate(template));
}
