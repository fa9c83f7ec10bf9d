import { createHash } from 'node:crypto';
import type { CSIDriver } from './index.ts';

/** The object that asks for a volume of a CSI driver to be attached to a node, and tells whether it is. Mirrors pkg/volume/csi/csi_attacher.go (getAttachmentName). */
export const attachmentName = (volumeHandle: string, driver: string, node: string): string => `csi-${createHash('sha256').update(volumeHandle + driver + node).digest('hex')}`;

/** What a node's status calls an attached volume of a CSI driver. Mirrors pkg/volume/util/util.go (GetUniqueVolumeName). */
export const attachedVolumeName = (driver: string, volumeHandle: string): string => `kubernetes.io/csi/${driver}^${volumeHandle}`;

/** Whether volumes of a driver have to be attached before they are mounted; a driver that nobody has described has. Mirrors csi_plugin.go (skipAttach). */
export const isAttachRequired = (driver: CSIDriver | undefined): boolean => driver?.spec?.attachRequired ?? true;
