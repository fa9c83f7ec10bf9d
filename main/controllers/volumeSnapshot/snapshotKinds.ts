import { engineVolumeDriver } from '../../api/engineVolumes.ts';
import { defaultClassAnnotation, snapshotGroup } from '../../api/volumeSnapshots.ts';
import { created, installCustomKinds, resources, type Client } from '../../client/index.ts';
import type { Clock } from '../../util/clock.ts';
import type { Logger } from '../../util/log.ts';
import type { Controller, ControllerContext } from '../controller.ts';
import { definitions, ownerAnnotation, release } from './definitions.ts';
import { volumeSnapshotClasses } from './kinds.ts';

/** After the first second of a new cluster, which has better to do. */
const settleMs = 1500;
const retryMs = 5000;
/** On the kind of the classes, once it has had one of ours. */
const classMade = 'skiff.dev/class-made';

/** Makes the kinds of snapshots known, and a class of them for the volumes of the provisioner. Nobody waits for this. */
export class VolumeSnapshotKinds implements Controller {
  readonly name = 'volume-snapshot-kinds';
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #abort = new AbortController();
  #done: Promise<void> = Promise.resolve();

  constructor({ client, clock, log }: ControllerContext) {
    this.#client = client.as(this.name);
    this.#clock = clock;
    this.#log = log.child(this.name);
  }

  start(): void {
    this.#done = this.#run();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      try {
        await this.install(signal);
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.#log.warn('the kinds of snapshots could not be made known, will try again', { error: String(error) });
        await this.#clock.sleep(retryMs, signal).catch(() => {});
      }
    }
  }

  /** Resolves when snapshots can be asked for. */
  async install(signal: AbortSignal): Promise<void> {
    const isOurOlder = ({ [ownerAnnotation]: ours, ...others }: Record<string, string>) =>
      ours !== undefined && ours !== release && !Object.keys(others).some((name) => name.endsWith('/last-applied-configuration') || name.startsWith('controller-gen.'));
    const client = this.#client;
    await installCustomKinds({ client, clock: this.#clock, signal, definitions, isOurOlder, settleMs });
    if (signal.aborted) return;
    const api = client.of(resources.customResourceDefinitions);
    const kind = await api.get('', `volumesnapshotclasses.${snapshotGroup}`);
    // A class that a user has taken away stays away.
    if (kind.metadata!.annotations?.[classMade] !== undefined) return;
    await created(
      client.of(volumeSnapshotClasses).create({
        apiVersion: 'snapshot.storage.k8s.io/v1',
        kind: 'VolumeSnapshotClass',
        metadata: { name: 'standard', annotations: { [defaultClassAnnotation]: 'true' } },
        driver: engineVolumeDriver,
        deletionPolicy: 'Delete',
      }),
    );
    await api.patch('', kind.metadata!.name!, 'merge', { metadata: { annotations: { [classMade]: 'true' } } });
  }
}
