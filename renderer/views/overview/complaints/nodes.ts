import type { Node } from '../../../../main/api/index.ts';
import { nodeStatus } from '../../../kinds/node/status.ts';
import type { Complaint } from '../trouble.ts';

export const isDown = (node: Node): boolean => nodeStatus(node).tone === 'bad';

/** These keep pods from a node, or cost it some, for as long as they are true. */
const wants = /Pressure$|^NetworkUnavailable$/;

export function* ofNodes(nodes: readonly Node[]): Iterable<Complaint> {
  for (const node of nodes) {
    const of = { namespace: '', name: node.metadata?.name ?? '', kind: 'Node' } as const;
    if (isDown(node)) {
      const { text, tone, title = '' } = nodeStatus(node);
      yield { ...of, word: text, tone, why: title, group: `Node/${title}` };
      continue;
    }
    for (const { type, status, message = '' } of node.status?.conditions ?? [])
      if (wants.test(type) && status === 'True') yield { ...of, word: type, tone: 'warn', why: message, group: `Node/${type}` };
  }
}
