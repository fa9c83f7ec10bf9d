import type { Namespace } from '../../../../main/api/index.ts';
import { holdsUp, namespaceStatus } from '../../../kinds/namespace/status.ts';
import type { Complaint } from '../trouble.ts';

/** A namespace takes a moment to go; after so many milliseconds something is in its way. */
const patience = 60_000;

export function* ofNamespaces(namespaces: readonly Namespace[], now: number): Iterable<Complaint> {
  for (const namespace of namespaces) {
    const { name = '', deletionTimestamp = '' } = namespace.metadata ?? {};
    const [first] = holdsUp(namespace);
    if (!first || now - Date.parse(deletionTimestamp) < patience) continue;
    const { text, tone } = namespaceStatus(namespace);
    yield { namespace: '', name, kind: 'Namespace', word: text, tone, why: first.message ?? '', group: `Namespace/${name}` };
  }
}
