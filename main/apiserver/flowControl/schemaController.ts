import { mandatoryLevels, mandatorySchemas, suggestedLevels, suggestedSchemas } from '../../api/flowControl.ts';
import type { FlowSchema, FlowSchemaCondition, PriorityLevelConfiguration } from '../../api/index.ts';
import { timestamp, type KubeObject } from '../../api/meta.ts';
import type { Store } from '../../store/index.ts';
import type { Clock } from '../../util/clock.ts';
import type { Logger } from '../../util/log.ts';
import { LiveObjects } from '../auth/liveObjects.ts';

const group = 'flowcontrol.apiserver.k8s.io';

export interface FlowSchemaControllerOptions {
  store: Store;
  clock: Clock;
  log: Logger;
  setCondition(name: string, condition: FlowSchemaCondition): Promise<void>;
  /** Makes an object that every cluster has and that somebody deleted. */
  create(resource: 'flowschemas' | 'prioritylevelconfigurations', object: KubeObject): Promise<void>;
}

/**
 * Tells in each schema's status whether its level is there, and makes again what every cluster has.
 * Mirrors k8s.io/apiserver/pkg/util/flowcontrol/apf_controller.go (presyncFlowSchemaStatus) and
 * pkg/registry/flowcontrol/rest/storage_flowcontrol.go.
 */
export class FlowSchemaController {
  readonly #schemas: LiveObjects<FlowSchema>;
  readonly #levels: LiveObjects<PriorityLevelConfiguration>;
  /** What was written last of each schema, so that it is not written again before the watch tells of it. */
  readonly #told = new Map<string, string>();
  readonly #making = new Set<string>();
  #started = false;

  constructor(private readonly options: FlowSchemaControllerOptions) {
    const look = () => this.#started && this.#look();
    this.#schemas = new LiveObjects(options.store, { group, resource: 'flowschemas' }, look);
    this.#levels = new LiveObjects(options.store, { group, resource: 'prioritylevelconfigurations' }, look);
  }

  /** To be called once the cluster has had its first objects. */
  async start(): Promise<void> {
    await Promise.all([this.#schemas.load(), this.#levels.load()]);
    this.#started = true;
    this.#look();
  }

  close(): void {
    this.#started = false;
    this.#schemas.close();
    this.#levels.close();
  }

  #look(): void {
    // Until they are there for the first time, somebody else is making them.
    if (this.#schemas.get('', 'exempt')) this.#makeMissing();
    for (const schema of this.#schemas.all()) {
      const { name, uid } = schema.metadata!;
      const level = schema.spec?.priorityLevelConfiguration.name ?? '';
      const condition = danglingCondition(level, !!this.#levels.get('', level));
      const is = schema.status?.conditions?.find(({ type }) => type === 'Dangling');
      if (is?.status === condition.status && is.reason === condition.reason && is.message === condition.message) {
        this.#told.delete(uid!);
        continue;
      }
      if (this.#told.get(uid!) === condition.message) continue;
      this.#told.set(uid!, condition.message);
      this.options.setCondition(name!, { ...condition, lastTransitionTime: timestamp(this.options.clock.now()) }).catch((error: unknown) => {
        this.#told.delete(uid!);
        this.options.log.debug('the status of a flow schema cannot be written', { schema: name, error: String(error) });
      });
    }
  }

  #makeMissing(): void {
    const make = (resource: 'flowschemas' | 'prioritylevelconfigurations', there: LiveObjects<KubeObject>, wanted: KubeObject[]) => {
      for (const object of wanted) {
        const name = object.metadata!.name!;
        const key = `${resource}/${name}`;
        if (there.get('', name) || this.#making.has(key)) continue;
        this.#making.add(key);
        this.options.create(resource, object).then(
          () => this.#making.delete(key),
          (error: unknown) => {
            this.#making.delete(key);
            this.options.log.debug('an object of flow control cannot be made', { object: key, error: String(error) });
          },
        );
      }
    };
    make('prioritylevelconfigurations', this.#levels as LiveObjects<KubeObject>, [...mandatoryLevels, ...suggestedLevels]);
    make('flowschemas', this.#schemas as LiveObjects<KubeObject>, [...mandatorySchemas, ...suggestedSchemas]);
  }
}

function danglingCondition(level: string, found: boolean) {
  const start = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(level)}`;
  return found
    ? { type: 'Dangling', status: 'False', reason: 'Found', message: `${start} and it exists` }
    : { type: 'Dangling', status: 'True', reason: 'NotFound', message: `${start} but there is no such object` };
}
