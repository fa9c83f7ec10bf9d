import { engineVolumeDriver } from '../../api/engineVolumes.ts';
import { equalJson } from '../../api/json.ts';
import { isAlreadyExists, isNotFound } from '../../api/status.ts';
import { resources, type Client } from '../../client/index.ts';

/**
 * Says which CSI drivers the node has: that of the engine's volumes, which needs no installing. Drivers that others have
 * written there stay. Mirrors pkg/volume/csi/nodeinfomanager/nodeinfomanager.go.
 */
export async function ensureCSINode(client: Client, nodeName: string, nodeUid: string): Promise<void> {
  const csiNodes = client.of(resources.csiNodes);
  const owner = { apiVersion: 'v1', kind: 'Node', name: nodeName, uid: nodeUid };
  const own = { name: engineVolumeDriver, nodeID: nodeName };
  const found = await csiNodes.get('', nodeName).catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
    return undefined;
  });
  if (!found) {
    try {
      await csiNodes.create({
        apiVersion: 'storage.k8s.io/v1',
        kind: 'CSINode',
        metadata: { name: nodeName, ownerReferences: [owner] },
        spec: { drivers: [own] },
      });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    return;
  }
  const others = (found.spec?.drivers ?? []).filter(({ name }) => name !== engineVolumeDriver);
  const next = {
    ...found,
    metadata: { ...found.metadata, ownerReferences: [owner] },
    spec: { drivers: [...others, own] },
  };
  const known = found.spec?.drivers?.some(({ name, nodeID }) => name === own.name && nodeID === own.nodeID);
  if (!known || !equalJson(found.metadata?.ownerReferences, [owner])) await csiNodes.update(next);
}
