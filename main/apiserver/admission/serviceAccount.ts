import type { Container, Pod, ServiceAccount, Volume } from '../../api/index.ts';
import { podReferences } from '../../api/podReferences.ts';
import type { Clock } from '../../util/clock.ts';
import type { Random } from '../../util/random.ts';
import { as, podCreation, reject } from './attributes.ts';
import type { AdmissionAttributes, AdmissionPlugin } from './types.ts';

const volumePrefix = 'kube-api-access-';
const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
/** An hour and the seconds by which upstream tells these tokens from others. */
const expirationSeconds = 3607;
/** How often and at which distance (milliseconds) `default` is looked for: a controller makes it just after its namespace. */
const tries = 20;
const retryAfter = 100;
const mirror = 'kubernetes.io/config.mirror';
const enforce = 'kubernetes.io/enforce-mountable-secrets';

/**
 * Every pod runs as a service account and finds that account's token, the cluster's CA and its namespace in a volume.
 * Mirrors plugin/pkg/admission/serviceaccount.
 */
export function serviceAccountAdmission(clock: Clock, random: Random): AdmissionPlugin {
  async function find(attributes: AdmissionAttributes, name: string): Promise<ServiceAccount> {
    const { objects, namespace } = attributes;
    for (let attempt = 1; ; attempt++) {
      const account = await objects.get<ServiceAccount>({ group: '', version: 'v1', resource: 'serviceaccounts' }, namespace, name);
      if (account) return account;
      if (name !== 'default' || attempt === tries)
        throw reject(attributes, `error looking up service account ${namespace}/${name}: serviceaccount ${JSON.stringify(name)} not found`);
      await clock.sleep(retryAfter);
    }
  }

  return {
    name: 'ServiceAccount',
    handles: podCreation,
    async admit(attributes) {
      const pod = as<Pod>(attributes.object);
      const spec = pod.spec!;
      if (pod.metadata?.annotations?.[mirror] !== undefined) return mayMirror(attributes, pod);
      const name = spec.serviceAccountName || 'default';
      spec.serviceAccountName = name;
      spec.serviceAccount = name;
      const account = await find(attributes, name);
      if (spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) mountToken(pod, random);
      if (!spec.imagePullSecrets?.length && account.imagePullSecrets?.length)
        spec.imagePullSecrets = account.imagePullSecrets.map((secret) => ({ name: secret.name }));
      if (account.metadata?.annotations?.[enforce] === 'true') limitSecrets(attributes, pod, account);
    },
  };
}

function mountToken(pod: Pod, random: Random): void {
  const spec = pod.spec!;
  const existing = spec.volumes?.find((volume) => volume.name.startsWith(volumePrefix));
  const name = existing?.name ?? volumePrefix + random.suffix(5);
  let needed = false;
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) {
    if (container.volumeMounts?.some((mount) => mount.mountPath === mountPath)) continue;
    (container.volumeMounts ??= []).push({ name, readOnly: true, mountPath });
    needed = true;
  }
  if (!existing && needed) (spec.volumes ??= []).push(tokenVolume(name));
}

function tokenVolume(name: string): Volume {
  return {
    name,
    projected: {
      sources: [
        { serviceAccountToken: { path: 'token', expirationSeconds } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
      ],
      defaultMode: 0o644,
    },
  };
}

function mayMirror(attributes: AdmissionAttributes, pod: Pod): void {
  const { spec } = pod;
  if (spec?.serviceAccountName) throw reject(attributes, 'a mirror pod may not reference service accounts');
  if (podReferences(pod).secrets.size) throw reject(attributes, 'a mirror pod may not reference secrets');
  if (spec?.volumes?.some((volume) => volume.projected?.sources?.some((source) => source.serviceAccountToken)))
    throw reject(attributes, 'a mirror pod may not use ServiceAccountToken volume projections');
}

/** An account may be told to let its pods use its own secrets only. */
function limitSecrets(attributes: AdmissionAttributes, { spec }: Pod, account: ServiceAccount): void {
  const allowed = new Set((account.secrets ?? []).map((secret) => secret.name));
  const unknown = `is not allowed because service account ${account.metadata!.name} does not reference that`;
  for (const volume of spec?.volumes ?? []) {
    const name = volume.secret?.secretName;
    if (name && !allowed.has(name)) throw reject(attributes, `volume with secret.secretName="${name}" ${unknown} secret`);
  }
  const look = (kind: string, container: Container) => {
    for (const variable of container.env ?? []) {
      const name = variable.valueFrom?.secretKeyRef?.name;
      if (name && !allowed.has(name))
        throw reject(attributes, `${kind} ${container.name} with envVar ${variable.name} referencing secret.secretName="${name}" ${unknown} secret`);
    }
    for (const source of container.envFrom ?? []) {
      const name = source.secretRef?.name;
      if (name && !allowed.has(name))
        throw reject(attributes, `${kind} ${container.name} with envFrom referencing secret.secretName="${name}" ${unknown} secret`);
    }
  };
  for (const container of spec?.initContainers ?? []) look('init container', container);
  for (const container of spec?.containers ?? []) look('container', container);
  const pulls = new Set((account.imagePullSecrets ?? []).map((secret) => secret.name));
  spec?.imagePullSecrets?.forEach((secret, i) => {
    if (!pulls.has(secret.name)) throw reject(attributes, `imagePullSecrets[${i}].name="${secret.name}" ${unknown} imagePullSecret`);
  });
}
