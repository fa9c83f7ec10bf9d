import type { ClusterState } from '../../preload/contract.ts';
import type { ElectronApi } from './electron.ts';
import type { Texts } from './texts.ts';

export interface TrayOptions {
  /** The folder with tray.png, tray@2x.png. */
  icons: string;
  platform: NodeJS.Platform;
  texts: Texts;
  open(): void;
  restart(): void;
  quit(): void;
}

/** The cluster's state in one line, for the tray. */
export function describeState(state: ClusterState, texts: Texts): string {
  switch (state.phase) {
    case 'starting':
      return state.step ? `${texts.starting}: ${state.step}` : texts.starting;
    case 'running':
      return `${state.runtime === 'simulated' ? texts.simulated : texts.running} (${state.name})`;
    case 'failed':
      return `${texts.failed}: ${state.message}`;
  }
}

/** The tray icon with the cluster's state, its menu made anew with every state. */
export function createTray(electron: Pick<ElectronApi, 'Tray' | 'Menu' | 'nativeImage' | 'clipboard'>, options: TrayOptions): { update(state: ClusterState): void; destroy(): void } {
  const image = electron.nativeImage.createFromPath(`${options.icons}/tray.png`);
  // The menu bar of macOS is light or dark as its background is: it draws the icon's shape in the colour that fits.
  if (options.platform === 'darwin') image.setTemplateImage(true);
  const tray = new electron.Tray(image);
  tray.on('click', options.open);
  return {
    update(state) {
      const line = describeState(state, options.texts);
      tray.setToolTip(`Skiff: ${line}`.slice(0, 120));
      tray.setContextMenu(
        electron.Menu.buildFromTemplate([
          { label: line.slice(0, 80), enabled: false },
          { type: 'separator' },
          { label: options.texts.open, click: options.open },
          ...(state.phase === 'running' ? [{ label: options.texts.copyKubeconfig, click: () => void electron.clipboard.writeText(state.kubeconfig) }] : []),
          { label: options.texts.restart, click: options.restart },
          { type: 'separator' },
          { label: options.texts.quit, click: options.quit },
        ]),
      );
    },
    destroy: () => tray.destroy(),
  };
}
