import { migratedDrivers, migratedPluginsAnnotation } from '../../api/csiMigration.ts';
import { engineVolumeDriver } from '../../api/engineVolumes.ts';
import { equalJson } from '../../api/json.ts';
import { isAlreadyExists } from '../../api/status.ts';
import { resources, type Client } from '../../client/index.ts';

/** All of them: no node has drivers of Kubernetes' own any more. */
const migrated = { [migratedPluginsAnnotation]: Object.keys(migratedDrivers).sort().join(',') };

/**
 * Says which CSI drivers the node has: that of the engine's volumes, which needs no installing; drivers that others have
 * written there stay. Also says for which drivers of old CSI drivers stand in. Mirrors pkg/volume/csi/nodeinfomanager/nodeinfomanager.go.
 */
export async function ensureCSINode(client: Client, nodeName: string, nodeUid: string): Promise<void> {
  const csiNodes = client.of(resources.csiNodes);
  const owner = { apiVersion: 'v1', kind: 'Node', name: nodeName, uid: nodeUid };
  const own = { name: engineVolumeDriver, nodeID: nodeName };
  try {
    await csiNodes.create({
      apiVersion: 'storage.k8s.io/v1',
      kind: 'CSINode',
      metadata: { name: nodeName, annotations: migrated, ownerReferences: [owner] },
      spec: { drivers: [own] },
    });
    return;
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
  const found = await csiNodes.get('', nodeName);
  const others = (found.spec?.drivers ?? []).filter(({ name }) => name !== engineVolumeDriver);
  const next = {
    ...found,
    metadata: { ...found.metadata, annotations: { ...found.metadata?.annotations, ...migrated }, ownerReferences: [owner] },
    spec: { drivers: [...others, own] },
  };
  const known = found.spec?.drivers?.some(({ name, nodeID }) => name === own.name && nodeID === own.nodeID);
  const isTold = found.metadata?.annotations?.[migratedPluginsAnnotation] === migrated[migratedPluginsAnnotation];
  if (!known || !isTold || !equalJson(found.metadata?.ownerReferences, [owner])) await csiNodes.update(next);
}
