import type { Authorizer, Decision, RequestInfo, UserInfo } from './types.ts';

/** Asks one after another; the first that allows or denies decides. Mirrors k8s.io/apiserver/pkg/authorization/union. */
export class UnionAuthorizer implements Authorizer {
  constructor(private readonly authorizers: readonly Authorizer[]) {}

  authorize(user: UserInfo, info: RequestInfo): Decision | Promise<Decision> {
    const reasons: string[] = [];
    for (const [at, authorizer] of this.authorizers.entries()) {
      const decision = authorizer.authorize(user, info);
      if (decision instanceof Promise) return decision.then((late) => (isFinal(late) ? late : this.#rest(at + 1, [...reasons, late.reason], user, info)));
      if (isFinal(decision)) return decision;
      reasons.push(decision.reason);
    }
    return { allowed: false, reason: reasons.filter(Boolean).join('\n') };
  }

  async #rest(from: number, reasons: string[], user: UserInfo, info: RequestInfo): Promise<Decision> {
    const decision = await new UnionAuthorizer(this.authorizers.slice(from)).authorize(user, info);
    return isFinal(decision) ? decision : { ...decision, reason: [...reasons, decision.reason].filter(Boolean).join('\n') };
  }
}

const isFinal = (decision: Decision) => decision.allowed || !!decision.denied;
