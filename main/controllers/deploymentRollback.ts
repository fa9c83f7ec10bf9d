import type { Deployment, ReplicaSet } from '../api/index.ts';
import { cloneJson } from '../api/json.ts';
import { notCopied, revisionOf } from './deploymentReplicaSets.ts';
import { equalTemplates, podTemplateHashLabel } from './podTemplateHash.ts';

// How clients that are older than apps/v1 ask for an earlier template. Mirrors pkg/controller/deployment/rollback.go.

const annotation = 'deprecated.deployment.rollback.to';

export interface Rollback {
  type: 'Normal' | 'Warning';
  reason: 'DeploymentRollback' | 'DeploymentRollbackRevisionNotFound' | 'DeploymentRollbackTemplateUnchanged';
  message: string;
  /** The deployment as it is to be written: what was asked for is done or given up. */
  deployment: Deployment;
}

/** The revision that is asked for, 0 for the one before; undefined: none is. */
export function rollbackRevision({ metadata }: Deployment): bigint | undefined {
  const text = metadata!.annotations?.[annotation] ?? '';
  return /^[+-]?\d+$/.test(text) ? BigInt(text.replace('+', '')) : undefined;
}

/** What is to be written and told; `sets` are all of the deployment's. */
export function rollBack(d: Deployment, sets: ReplicaSet[]): Rollback {
  const asked = rollbackRevision(d)!;
  const revision = asked === 0n ? lastRevision(sets) : asked;
  const deployment = cloneJson(d);
  delete deployment.metadata!.annotations![annotation];
  const notFound = { type: 'Warning', reason: 'DeploymentRollbackRevisionNotFound', deployment } as const;
  if (revision === 0n) return { ...notFound, message: 'Unable to find last revision.' };
  const rs = sets.find((each) => revisionOf(each) === revision);
  if (!rs) return { ...notFound, message: 'Unable to find the revision to rollback to.' };
  const name = JSON.stringify(d.metadata!.name);
  if (equalTemplates(d.spec!.template, rs.spec!.template!))
    return {
      type: 'Warning',
      reason: 'DeploymentRollbackTemplateUnchanged',
      message: `The rollback revision contains the same template as current deployment ${name}`,
      deployment,
    };
  const template = cloneJson(rs.spec!.template!);
  delete template.metadata?.labels?.[podTemplateHashLabel];
  deployment.spec!.template = template;
  // What was said of the earlier template is said of the deployment again, such as the cause of the change.
  const own = Object.entries(deployment.metadata!.annotations!).filter(([key]) => notCopied.has(key));
  const earlier = Object.entries(rs.metadata!.annotations ?? {}).filter(([key]) => !notCopied.has(key));
  deployment.metadata!.annotations = Object.fromEntries([...own, ...earlier]);
  return { type: 'Normal', reason: 'DeploymentRollback', message: `Rolled back deployment ${name} to revision ${revision}`, deployment };
}

/** The greatest but one; 0 where there is none. */
function lastRevision(sets: ReplicaSet[]): bigint {
  let [greatest, second] = [0n, 0n];
  for (const revision of sets.map(revisionOf)) {
    if (revision >= greatest) [greatest, second] = [revision, greatest];
    else if (revision > second) second = revision;
  }
  return second;
}
