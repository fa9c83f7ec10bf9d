import type { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyStatus } from '../../../api/index.ts';
import type { Store } from '../../../store/index.ts';
import type { Clock, Timer } from '../../../util/clock.ts';
import type { Logger } from '../../../util/log.ts';
import { LiveObjects } from '../../auth/liveObjects.ts';
import type { ResourceTable } from '../../registry/resources.ts';
import { expressionWarnings } from './typeChecking.ts';

const retryAfter = 1_000;

export interface PolicyStatusOptions {
  store: Store;
  resources: ResourceTable;
  clock: Clock;
  log: Logger;
  setStatus(name: string, status: ValidatingAdmissionPolicyStatus): Promise<void>;
}

/** Tells in a policy's status whether its expressions fit. Mirrors pkg/controller/validatingadmissionpolicystatus. */
export class PolicyStatusController {
  readonly #policies: LiveObjects<ValidatingAdmissionPolicy>;
  /** The generation of each policy that was looked at last. */
  readonly #seen = new Map<string, number>();
  #timer: Timer | undefined;
  #closed = false;

  constructor(private readonly options: PolicyStatusOptions) {
    this.#policies = new LiveObjects(options.store, { group: 'admissionregistration.k8s.io', resource: 'validatingadmissionpolicies' }, () => this.#look());
  }

  async start(): Promise<void> {
    await this.#policies.load();
    this.#look();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#policies.close();
  }

  #look(): void {
    for (const policy of this.#policies.all()) {
      const { uid, name, generation = 1 } = policy.metadata!;
      if (policy.status?.observedGeneration === generation || this.#seen.get(uid!) === generation) continue;
      this.#seen.set(uid!, generation);
      const warnings = expressionWarnings(policy, this.options.resources);
      const typeChecking = warnings.length ? { expressionWarnings: warnings } : {};
      this.options.setStatus(name!, { observedGeneration: generation, typeChecking }).catch((error: unknown) => {
        this.#seen.delete(uid!);
        this.#lookAgain();
        this.options.log.debug('the status of an admission policy cannot be written', { policy: name, error: String(error) });
      });
    }
  }

  #lookAgain(): void {
    if (this.#closed) return;
    this.#timer ??= this.options.clock.setTimer(retryAfter, () => {
      this.#timer = undefined;
      this.#look();
    });
  }
}
