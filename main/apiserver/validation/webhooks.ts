import { isDns1035Label, isDns1123Subdomain, isPortNumber } from '../../api/names.ts';
import type { AdmissionregistrationServiceReference, AdmissionregistrationWebhookClientConfig } from '../../api/index.ts';
import type { FieldErrors } from './field.ts';

/* What the registrations of all kinds of webhooks share. Mirrors k8s.io/apiserver/pkg/util/webhook/validation.go. */

const form = '; desired format: https://host[/path]';

/** Exactly one of a URL and a Service. */
export function webhookClientConfig(errors: FieldErrors, field: string, config: AdmissionregistrationWebhookClientConfig | undefined): void {
  const { url, service } = config ?? {};
  if ((url === undefined) === (service === undefined)) errors.required(field, 'exactly one of url or service is required');
  else if (url !== undefined) webhookUrl(errors, `${field}.url`, url);
  else webhookService(errors, `${field}.service`, service!);
}

export function webhookUrl(errors: FieldErrors, field: string, text: string): void {
  const parts = /^(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?(?:\/\/(?:([^/?#@]*)@)?([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/.exec(text);
  if (!parts) return errors.required(field, `url must be a valid URL: parse ${JSON.stringify(text)}: invalid URL${form}`);
  const [, scheme = '', user, host = '', , query, fragment] = parts;
  if (scheme !== 'https') errors.invalid(field, scheme, `'https' is the only allowed URL scheme${form}`);
  if (!host) errors.invalid(field, host, `host must be specified${form}`);
  if (user !== undefined) errors.invalid(field, user, 'user information is not permitted in the URL');
  if (fragment) errors.invalid(field, fragment, 'fragments are not permitted in the URL');
  if (query) errors.invalid(field, query, 'query parameters are not permitted in the URL');
}

export function webhookService(errors: FieldErrors, field: string, { name, namespace, path, port = 443 }: AdmissionregistrationServiceReference): void {
  // Upstream takes the one for the other, and so do those that read what it says.
  if (!namespace) errors.required(`${field}.name`);
  if (!name) errors.required(`${field}.namespace`);
  const port_ = isPortNumber(port);
  if (port_.length) errors.invalid(`${field}.port`, port, `port is not valid: ${port_.join(', ')}`);
  if (path === undefined || path === '/' || path === '') return;
  if (path === '//') return errors.invalid(`${field}.path`, path, 'segment[0] may not be empty');
  if (!path.startsWith('/')) errors.invalid(`${field}.path`, path, "must start with a '/'");
  path
    .slice(1)
    .replace(/\/$/, '')
    .split('/')
    .forEach((step, i) => {
      if (!step) errors.invalid(`${field}.path`, path, `segment[${i}] may not be empty`);
      else for (const message of isDns1123Subdomain(step)) errors.invalid(`${field}.path`, path, `segment[${i}]: ${message}`);
    });
}

/** Which versions of the review a webhook takes; one of them must be `accepted` unless older ones were stored. */
export function reviewVersions(errors: FieldErrors, field: string, versions: string[] | undefined, accepted: readonly string[], requireAccepted: boolean): void {
  if (!versions?.length) return errors.required(field, `must specify one of ${accepted.join(', ')}`);
  versions.forEach((version, i) => {
    if (versions.indexOf(version) < i) errors.invalid(`${field}[${i}]`, version, 'duplicate version');
    else errors.invalidEach(`${field}[${i}]`, version, isDns1035Label(version));
  });
  if (requireAccepted && !versions.some((version) => accepted.includes(version))) errors.invalid(field, versions, `must include at least one of ${accepted.join(', ')}`);
}
