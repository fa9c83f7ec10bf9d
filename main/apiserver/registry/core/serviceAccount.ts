import type { AuthenticationTokenRequest, Pod, ServiceAccount } from '../../../api/index.ts';
import { parseApiVersion, timestamp, type KubeObject } from '../../../api/meta.ts';
import { badRequest, conflict, forbidden, invalid, notFound } from '../../../api/status.ts';
import type { ServiceAccountTokens, TokenSubject } from '../../auth/serviceAccountTokens.ts';
import { invalidField } from '../../fieldErrors.ts';
import { serviceAccountWarnings } from '../../validation/warnings.ts';
import { check, columns, define } from '../define.ts';
import { age, nameOf } from '../printers.ts';
import type { Actions, Strategy, Subresource } from '../strategy.ts';

/* Mirrors pkg/registry/core/serviceaccount/strategy.go and storage/token.go. */

const oneYearAndASecond = 365 * 24 * 3600 + 7;

export function serviceAccount(tokens: ServiceAccountTokens): Strategy<ServiceAccount> {
  return {
    definition: define('', 'v1', 'ServiceAccount', 'serviceaccounts', { shortNames: ['sa'] }),
    hasGeneration: false,
    nameRule: 'dnsSubdomain',
    judgedAgain: true,
    allowUnconditionalUpdate: true,
    returnsDeletedObject: true,
    prepareForCreate: (_context, object) => nameSecretsOnly(object),
    prepareForUpdate: (_context, object) => nameSecretsOnly(object),
    validate: () => [],
    validateUpdate: () => [],
    warnings: serviceAccountWarnings,
    columns: columns('Name', 'Age'),
    row: (object, now) => [nameOf(object), age(object, now)],
    subresources: { token: token(tokens) },
  };
}

/** Of a secret only its name counts (cleanSecretReferences). */
function nameSecretsOnly(object: ServiceAccount): void {
  object.secrets = object.secrets?.map(({ name }) => (name === undefined ? {} : { name }));
}

const requestKind = { group: 'authentication.k8s.io', kind: 'TokenRequest' };
/** What the kubelet asks for on behalf of pods; such tokens hold on for a year, and are told of when they are used for longer than asked. */
const extendedSeconds = 60 * 60 + 7;
const yearSeconds = 365 * 24 * 3600;

/** POST of a TokenRequest answers with a signed token. */
function token(tokens: ServiceAccountTokens): Subresource<ServiceAccount> {
  return {
    type: 'action',
    kind: { ...requestKind, version: 'v1' },
    verbs: ['create'],
    async post(context, name, body, actions) {
      const request = body as AuthenticationTokenRequest;
      const given = request.metadata?.name;
      if (given && given !== name) throw invalid(requestKind, name, [invalidField('metadata.name', given, 'must match the service account name if specified')]);
      const account = await actions.get();
      const { namespace = '', uid = '' } = account.metadata!;
      if (request.metadata?.uid && request.metadata.uid !== uid)
        throw conflict({ group: requestKind.group, kind: requestKind.kind }, name, `the UID in the token request (${request.metadata.uid}) does not match the UID of the service account (${uid})`);
      const seconds = request.spec?.expirationSeconds ?? 3600;
      const errors = check((found) => {
        if (seconds < 600) found.invalid('spec.expirationSeconds', seconds, 'may not specify a duration less than 10 minutes');
        if (seconds > 2 ** 32) found.invalid('spec.expirationSeconds', seconds, 'may not specify a duration larger than 2^32 seconds');
      });
      if (errors.length) throw invalid(requestKind, '', errors);
      const audiences = request.spec?.audiences?.length ? request.spec.audiences : [tokens.audience];
      const bound = request.spec?.boundObjectRef;
      const binding = bound ? await bindingOf(actions, account, bound) : {};
      if (seconds > oneYearAndASecond && context.user.name.startsWith('system:node:'))
        throw forbidden({ group: '', kind: 'serviceaccounts' }, name, 'token lifetime is too long');
      const extended = binding.pod !== undefined && seconds === extendedSeconds && audiences.every((audience) => audience === tokens.audience);
      const lifetime = extended ? { seconds: yearSeconds, warnAfter: seconds } : { seconds };
      const { token, credentialId } = await tokens.issue({ namespace, name, uid, audiences, now: context.now, ...lifetime, ...binding });
      context.auditAnnotations['authentication.kubernetes.io/issued-credential-id'] = credentialId;
      const managedFields = request.metadata?.managedFields;
      const answer: AuthenticationTokenRequest = {
        kind: 'TokenRequest',
        apiVersion: 'authentication.k8s.io/v1',
        metadata: { name, namespace, uid, creationTimestamp: timestamp(context.now), ...(managedFields ? { managedFields } : {}) },
        spec: { audiences, expirationSeconds: seconds, ...(bound ? { boundObjectRef: bound } : {}) },
        status: { token, expirationTimestamp: timestamp(context.now + seconds * 1000) },
      };
      return { code: 201, body: answer };
    },
  };
}

type Binding = Pick<TokenSubject, 'pod' | 'secret' | 'node'>;
type BoundObject = NonNullable<NonNullable<AuthenticationTokenRequest['spec']>['boundObjectRef']>;

/** With whose end the token is to end. Throws 400, 404 and 409. */
async function bindingOf({ objects }: Actions<ServiceAccount>, account: ServiceAccount, bound: BoundObject): Promise<Binding> {
  const { apiVersion = '', kind = '', name = '' } = bound;
  const { group, version } = parseApiVersion(apiVersion);
  const resource = group ? undefined : { Pod: 'pods', Secret: 'secrets', Node: 'nodes' }[kind];
  if (!resource) throw badRequest(`cannot bind token to object of type ${group}/${version}, Kind=${kind}`);
  if (!name) throw badRequest('Name parameter required.');
  const target = await objects.get<Pod>({ group: '', version: 'v1', resource }, resource === 'nodes' ? '' : account.metadata!.namespace!, name);
  if (!target) throw notFound({ group: '', kind: resource }, name);
  if (resource === 'pods' && target.spec?.serviceAccountName !== nameOf(account))
    throw badRequest(`cannot bind token for serviceaccount ${JSON.stringify(nameOf(account))} to pod running with different serviceaccount name.`);
  const uid = target.metadata!.uid!;
  if (bound.uid && bound.uid !== uid)
    throw conflict({ group: '', kind }, name, `the UID in the bound object reference (${bound.uid}) does not match the UID in record. The object might have been deleted and then recreated`);
  if (resource === 'secrets') return { secret: { name, uid } };
  if (resource === 'nodes') return { node: { name, uid } };
  const nodeName = target.spec?.nodeName;
  if (!nodeName) return { pod: { name, uid } };
  // A node that is not there yet is told of by its name alone.
  const node = await objects.get<KubeObject>({ group: '', version: 'v1', resource: 'nodes' }, '', nodeName);
  return { pod: { name, uid }, node: { name: nodeName, uid: node?.metadata?.uid ?? '' } };
}
