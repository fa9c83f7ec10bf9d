import type { PersistentVolumeClaim, StorageClass } from '../../../../main/api/index.ts';
import { byLastSeen } from '../../../kinds/event/time.ts';
import { isPending, waitsForPod } from '../../../kinds/persistentvolumeclaim/status.ts';
import type { EventsOf } from '../seen.ts';
import type { Complaint } from '../trouble.ts';

/** A volume takes a moment to be made; after so many milliseconds nobody makes one. */
const patience = 60_000;
/** Events that say why a claim has no volume. */
const reasons = new Set(['FailedBinding', 'ProvisioningFailed', 'ExternalProvisioning', 'VolumeMismatch', 'ClaimLost', 'ClaimMisbound']);
/** Conditions that say that a bound claim is not getting what it asks for. */
const failures = /^(ControllerResizeError|NodeResizeError|ModifyVolumeError)$/;
/** Claims that have no volume, or not the one that they ask for. Pending ones are not judged before the classes are known. */
export function* ofClaims(claims: readonly PersistentVolumeClaim[], classes: readonly StorageClass[] | undefined, eventsOf: EventsOf, now: number): Iterable<Complaint> {
  for (const claim of claims) {
    const { namespace = '', name = '', creationTimestamp = '', deletionTimestamp } = claim.metadata ?? {};
    if (deletionTimestamp) continue;
    const of = { namespace, name, kind: 'PersistentVolumeClaim', group: `${namespace}/${name}/PersistentVolumeClaim` } as const;
    const said = () => eventsOf(claim).filter(({ reason = '' }) => reasons.has(reason)).sort(byLastSeen)[0]?.message ?? '';
    const failure = claim.status?.conditions?.find(({ type, status }) => failures.test(type) && status === 'True');
    if (claim.status?.phase === 'Lost') yield { ...of, word: 'Lost', tone: 'bad', why: said(), means: 'volume.lostWhy' };
    else if (isPending(claim)) {
      if (!classes || now - Date.parse(creationTimestamp) < patience || waitsForPod(claim, classes)) continue;
      yield { ...of, word: 'Pending', tone: 'warn', why: said(), means: 'volume.pendingWhy' };
    } else if (failure) yield { ...of, word: failure.type, tone: 'bad', why: failure.message ?? '' };
  }
}
