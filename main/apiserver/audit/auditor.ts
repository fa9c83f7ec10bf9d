import { Counter, type Registry as Metrics } from 'prom-client';
import { cloneJson } from '../../api/json.ts';
import { microTimestamp, type KubeObject } from '../../api/meta.ts';
import { StatusError } from '../../api/status.ts';
import type { Clock } from '../../util/clock.ts';
import type { Random } from '../../util/random.ts';
import type { UserInfo } from '../auth/types.ts';
import type { Answer, Call } from '../call.ts';
import { plainObject } from '../content/encode.ts';
import { judge, type AuditPolicy, type Level, type Stage, type Verdict } from './policy.ts';

/** Takes one event, a line of JSON. */
export type AuditSink = (line: string) => void;

/** One request on its way; every stage is told once. */
export interface AuditedRequest {
  /** What the client sent, as it was understood. */
  request(object: object): void;
  answered(answer: Answer): void;
  failed(error: unknown): void;
}

const none: AuditedRequest = { request() {}, answered() {}, failed() {} };

/** Mirrors k8s.io/apiserver/pkg/endpoints/filters/audit.go and pkg/audit/request.go. */
export class Auditor {
  readonly #events: Counter;
  readonly #levels: Counter<'level'>;

  constructor(
    private readonly policy: AuditPolicy,
    private readonly sink: AuditSink,
    private readonly clock: Clock,
    private readonly random: Random,
    metrics: Metrics,
  ) {
    const registers = [metrics];
    this.#events = new Counter({ name: 'apiserver_audit_event_total', help: 'Audit events that were written.', registers });
    this.#levels = new Counter({ name: 'apiserver_audit_level_total', help: 'Requests by the level that the policy has for them.', labelNames: ['level'], registers });
  }

  /** `requester` is who has asked, where that is another than whom the request acts as. */
  begin(call: Call, requester: UserInfo): AuditedRequest {
    const verdict = judge(this.policy, call.user, call.info);
    this.#levels.labels(verdict.level).inc();
    if (verdict.level === 'None') return none;
    const event = eventOf(call, requester, verdict.level, this.random.uuid());
    return new Audited(call, event, verdict, (stage) => {
      if (verdict.omitStages.has(stage)) return;
      this.#events.inc();
      this.sink(JSON.stringify({ ...event, stage, stageTimestamp: microTimestamp(this.clock.now()) }));
    });
  }
}

class Audited implements AuditedRequest {
  constructor(
    private readonly call: Call,
    private readonly event: Record<string, unknown>,
    private readonly verdict: Verdict,
    private readonly tell: (stage: Stage) => void,
  ) {
    tell('RequestReceived');
  }

  request(object: object): void {
    if (this.verdict.level === 'Request' || this.verdict.level === 'RequestResponse') this.event.requestObject = this.#shown(cloneJson(object));
  }

  answered(answer: Answer): void {
    const code = 'code' in answer ? answer.code : answer.type === 'taken' ? 101 : 200;
    this.event.responseStatus = { metadata: {}, code };
    const flows = answer.type === 'watch' || answer.type === 'stream' || answer.type === 'taken' || answer.type === 'relay';
    if (this.verdict.level === 'RequestResponse' && (answer.type === 'entry' || answer.type === 'object' || answer.type === 'list')) this.event.responseObject = this.#shown(plainObject(answer));
    this.#annotate();
    if (!flows) return this.tell('ResponseComplete');
    this.tell('ResponseStarted');
    this.call.onGone(() => this.tell('ResponseComplete'));
  }

  failed(error: unknown): void {
    const status = error instanceof StatusError ? error.status : { status: 'Failure', message: String(error), reason: 'InternalError', code: 500 };
    const { metadata = {}, message, reason, details, code } = status as StatusError['status'];
    this.event.responseStatus = { metadata, status: 'Failure', message, reason, ...(details ? { details } : {}), code };
    if (this.verdict.level === 'RequestResponse') this.event.responseObject = status;
    this.#annotate();
    this.tell(error instanceof StatusError ? 'ResponseComplete' : 'Panic');
  }

  #annotate(): void {
    const { auditAnnotations } = this.call;
    if (auditAnnotations && Object.keys(auditAnnotations).length) this.event.annotations = auditAnnotations;
  }

  #shown(object: KubeObject): KubeObject {
    if (!this.verdict.omitManagedFields) return object;
    const strip = (one: KubeObject): KubeObject => ({ ...one, ...(one.metadata ? { metadata: { ...one.metadata, managedFields: undefined } } : {}) });
    const { items } = object as { items?: KubeObject[] };
    return items ? ({ ...object, items: items.map(strip) } as KubeObject) : strip(object);
  }
}

function eventOf(call: Call, requester: UserInfo, level: Level, auditID: string): Record<string, unknown> {
  const { info, user } = call;
  return {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level,
    auditID,
    stage: '',
    requestURI: call.path + (call.search ? `?${call.search}` : ''),
    verb: info.verb,
    user: userOf(requester),
    ...(user !== requester ? { impersonatedUser: userOf(user) } : {}),
    sourceIPs: [call.wire?.from ?? '127.0.0.1'],
    userAgent: call.userAgent,
    ...(info.isResourceRequest
      ? {
          objectRef: {
            resource: info.resource,
            ...(info.namespace ? { namespace: info.namespace } : {}),
            ...(info.name ? { name: info.name } : {}),
            ...(info.group ? { apiGroup: info.group } : {}),
            apiVersion: info.version,
            ...(info.subresource ? { subresource: info.subresource } : {}),
          },
        }
      : {}),
    requestReceivedTimestamp: microTimestamp(call.now),
    // Which object's change made a component of the control plane act.
    ...(call.causeRevision ? { annotations: { 'skiff.dev/cause-revision': String(call.causeRevision) } } : {}),
  };
}

const userOf = ({ name, uid, groups, extra }: UserInfo) => ({ username: name, ...(uid ? { uid } : {}), groups, ...(extra ? { extra } : {}) });
