import type { AuthenticationTokenRequest, ServiceAccount } from '../../../api/index.ts';
import { badRequest, conflict, forbidden, invalid, notFound } from '../../../api/status.ts';
import type { ServiceAccountTokens } from '../../auth/serviceAccountTokens.ts';
import { serviceAccountWarnings } from '../../validation/warnings.ts';
import { check, columns, define } from '../define.ts';
import { age, nameOf } from '../printers.ts';
import type { Strategy, Subresource } from '../strategy.ts';

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

/** POST of a TokenRequest answers with a signed token. */
function token(tokens: ServiceAccountTokens): Subresource<ServiceAccount> {
  return {
    type: 'action',
    kind: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
    verbs: ['create'],
    async post(context, name, body, actions) {
      const request = body as AuthenticationTokenRequest;
      if (request.metadata?.name && request.metadata.name !== name)
        throw badRequest(`the name of the request does not match the name on the URL`);
      const account = await actions.get();
      const seconds = request.spec?.expirationSeconds ?? 3600;
      const path = 'spec.expirationSeconds';
      const errors = check((found) => {
        if (seconds < 600) found.invalid(path, seconds, 'may not specify a duration less than 10 minutes');
        if (seconds > 2 ** 32) found.invalid(path, seconds, 'may not specify a duration larger than 2^32 seconds');
      });
      if (errors.length) throw invalid({ group: 'authentication.k8s.io', kind: 'TokenRequest' }, name, errors);
      const audiences = request.spec?.audiences?.length ? request.spec.audiences : [tokens.audience];
      const namespace = account.metadata!.namespace!;
      const bound = request.spec?.boundObjectRef;
      const binding: { pod?: { name: string; uid: string }; secret?: { name: string; uid: string }; node?: { name: string; uid: string } } = {};
      if (bound) {
        const kind = `${bound.apiVersion}/${bound.kind}`;
        const resource = { 'v1/Pod': 'pods', 'v1/Secret': 'secrets', 'v1/Node': 'nodes' }[kind];
        if (!resource) throw badRequest(`cannot bind token for serviceaccount ${JSON.stringify(name)} to object of type ${kind}`);
        const objectNamespace = resource === 'nodes' ? '' : namespace;
        const target = await actions.objects.get({ group: '', version: 'v1', resource }, objectNamespace, bound.name ?? '');
        if (!target) throw notFound({ group: '', kind: resource }, bound.name ?? '');
        const uid = target.metadata!.uid!;
        if (bound.uid && bound.uid !== uid)
          throw conflict(
            { group: '', kind: resource },
            bound.name ?? '',
            `the UID in the bound object reference (${bound.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
          );
        const ref = { name: bound.name!, uid };
        if (resource === 'secrets') binding.secret = ref;
        else if (resource === 'nodes') binding.node = ref;
        else {
          const spec = (target as { spec?: { serviceAccountName?: string; nodeName?: string } }).spec;
          if (spec?.serviceAccountName !== name)
            throw badRequest(`cannot bind token for serviceaccount ${JSON.stringify(name)} to pod running with different serviceaccount name.`);
          binding.pod = ref;
          if (spec.nodeName) {
            const node = await actions.objects.get({ group: '', version: 'v1', resource: 'nodes' }, '', spec.nodeName);
            binding.node = { name: spec.nodeName, uid: node?.metadata?.uid ?? '' };
          }
        }
      }
      if (seconds > oneYearAndASecond && context.user.name.startsWith('system:node:'))
        throw forbidden({ group: '', kind: 'serviceaccounts' }, name, 'token lifetime is too long');
      const issued = await tokens.issue({
        namespace,
        name,
        uid: account.metadata!.uid!,
        audiences,
        seconds,
        now: context.now,
        ...binding,
      });
      const answer: AuthenticationTokenRequest = {
        kind: 'TokenRequest',
        apiVersion: 'authentication.k8s.io/v1',
        metadata: { name, namespace, creationTimestamp: new Date(context.now).toISOString().replace(/\.\d+Z/, 'Z') },
        spec: { audiences, expirationSeconds: seconds, ...(bound ? { boundObjectRef: bound } : {}) },
        status: issued,
      };
      return { code: 201, body: answer };
    },
  };
}
