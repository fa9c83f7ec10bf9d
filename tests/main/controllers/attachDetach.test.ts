import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NodeStatus, VolumeAttachment } from '../../../main/api/index.ts';
import { resources } from '../../../main/client/index.ts';
import { AttachDetachController } from '../../../main/controllers/attachDetach.ts';
import { settle } from '../../support/fakeClock.ts';
import { Cluster } from './harness.ts';

let cluster: Cluster;
beforeEach(async () => {
  cluster = new Cluster();
  for (const name of ['node-1', 'node-2']) cluster.server.seed(resources.nodes, { metadata: { name } });
  await cluster.start(AttachDetachController);
});
afterEach(() => cluster.stop());

async function volume(accessMode = 'ReadWriteOnce', driver = 'disks.example.com'): Promise<void> {
  cluster.server.seed(resources.persistentVolumes, {
    metadata: { name: 'disk' },
    spec: { accessModes: [accessMode], capacity: { storage: '1Gi' }, claimRef: { namespace: 'default', name: 'data' }, csi: { driver, volumeHandle: 'handle-7' } },
  });
  cluster.server.seed(resources.persistentVolumeClaims, { metadata: { name: 'data', namespace: 'default' }, spec: { volumeName: 'disk' }, status: { phase: 'Bound' } });
  await settle();
}

async function pod(name: string, nodeName: string): Promise<void> {
  cluster.server.seed(resources.pods, {
    metadata: { name, namespace: 'default' },
    spec: { nodeName, containers: [{ name: 'web', image: 'web:1' }], volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] },
    status: { phase: 'Pending' },
  });
  await settle(30);
}

const attachments = () => cluster.server.all(resources.volumeAttachments);
const attachedTo = (node: string) => (cluster.server.find(resources.nodes, '', node)!.status as NodeStatus | undefined)?.volumesAttached ?? [];
/** What the attacher of the driver answers. */
async function answer(attachment: VolumeAttachment, status: VolumeAttachment['status']): Promise<void> {
  await cluster.client.of(resources.volumeAttachments).updateStatus({ ...attachment, status });
  await settle(30);
}
async function remove(name: string): Promise<void> {
  await cluster.client.of(resources.pods).delete('default', name, { gracePeriodSeconds: 0 });
  await settle(30);
}

describe('a volume of a driver that attaches', () => {
  it('is asked for when a pod has a node, and let go with the last pod there', async () => {
    await volume();
    await pod('web', 'node-1');
    const [asked] = attachments();
    expect(asked).toMatchObject({
      // sha256 of `handle-7disks.example.comnode-1`
      metadata: { name: 'csi-af2a21403bd470fb70f93b9bdd6a108fec537e4731e3a2f77eefdb3da74b4143' },
      spec: { attacher: 'disks.example.com', nodeName: 'node-1', source: { persistentVolumeName: 'disk' } },
    });
    expect(attachedTo('node-1')).toEqual([]);
    await answer(asked!, { attached: true });
    expect(cluster.events('web', 'SuccessfulAttachVolume')).toEqual(['AttachVolume.Attach succeeded for volume "disk" ']);
    expect(attachedTo('node-1')).toEqual([{ name: 'kubernetes.io/csi/disks.example.com^handle-7', devicePath: '' }]);
    await pod('second', 'node-1');
    await remove('web');
    expect(attachments()).toHaveLength(1);
    await remove('second');
    expect(attachments()).toEqual([]);
    expect(attachedTo('node-1')).toEqual([]);
  });

  it('is waited for: what the attacher says is told, and that nobody answers', async () => {
    await volume();
    await pod('web', 'node-1');
    await cluster.clock.advance(119_000);
    expect(cluster.events('web', 'FailedAttachVolume')).toEqual([]);
    await cluster.clock.advance(2000);
    await settle(30);
    const late = 'AttachVolume.Attach failed for volume "disk" : timed out waiting for external-attacher of disks.example.com CSI driver to attach volume handle-7';
    expect(cluster.events('web', 'FailedAttachVolume')).toEqual([late]);
    await answer(attachments()[0]!, { attached: false, attachError: { message: 'no such disk' } });
    expect(cluster.events('web', 'FailedAttachVolume')).toEqual([late, 'AttachVolume.Attach failed for volume "disk" : no such disk']);
    expect(attachments()).toHaveLength(1);
  });

  it('goes to a second node only when it is for many, or the first has let it go', async () => {
    await volume();
    await pod('web', 'node-1');
    await answer(attachments()[0]!, { attached: true });
    await pod('other', 'node-2');
    expect(attachments()).toHaveLength(1);
    expect(cluster.events('other', 'FailedAttachVolume')).toEqual(['Multi-Attach error for volume "disk" Volume is already used by pod(s) web']);
    await remove('web');
    expect(attachments().map(({ spec }) => spec!.nodeName)).toEqual(['node-2']);
  });

  it('that is for many goes to many', async () => {
    await volume('ReadWriteMany');
    await pod('web', 'node-1');
    await pod('other', 'node-2');
    expect(attachments().map(({ spec }) => spec!.nodeName).sort()).toEqual(['node-1', 'node-2']);
  });
});

it('what needs no attaching is not asked for: the engine’s own volumes, and those of drivers that say so', async () => {
  cluster.server.seed(resources.csiDrivers, { metadata: { name: 'files.example.com' }, spec: { attachRequired: false } });
  await volume('ReadWriteOnce', 'files.example.com');
  await pod('web', 'node-1');
  expect(attachments()).toEqual([]);
});
