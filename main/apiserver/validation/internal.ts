import { sortedJson } from '../../api/json.ts';
import { asGiven } from '../../api/normalize.ts';
import { schemaById, type FieldSchema, type FieldType, type ObjectSchema } from '../../api/schema.ts';

/*
 * Values as messages show them where upstream validates its internal types (pkg/apis/<group>/types.go): fields have Go's
 * names, none is left out, and some stand elsewhere than in the version that is served.
 */

/** What an internal type has differently from its version in the API. */
interface Difference {
  /** Fields that stand in another order: these first, then the others. */
  first?: string;
  /** What Go calls a field, where that is not its name in the API. */
  names?: Record<string, string>;
  /** What an absent field is, where the API has a pointer and the internal type has none. */
  zeros?: Record<string, unknown>;
  /** Fields that the internal type has not. */
  without?: readonly string[];
}

const rbd = { names: { monitors: 'CephMonitors', image: 'RBDImage', pool: 'RBDPool', user: 'RadosUser' } };
const iscsi = { names: { chapAuthDiscovery: 'DiscoveryCHAPAuth', chapAuthSession: 'SessionCHAPAuth' } };
const glusterfs = { names: { endpoints: 'EndpointsName' } };
const metricSource = { first: 'name container' };
const rolling = { zeros: { maxUnavailable: 0, maxSurge: 0 } };
const replicas = { zeros: { replicas: 0 } };
const persistentVolumeSource =
  'gcePersistentDisk awsElasticBlockStore hostPath glusterfs nfs rbd quobyte iscsi flexVolume cinder cephfs fc flocker azureFile vsphereVolume azureDisk photonPersistentDisk portworxVolume scaleIO local storageos csi';
/** What a pod's spec says in the API is said in its security context there. */
const ofTheHost = ['hostNetwork', 'hostPID', 'hostIPC', 'shareProcessNamespace', 'hostUsers'] as const;

const differences: Readonly<Record<string, Difference>> = {
  'core/v1.Volume': {
    first:
      'name hostPath emptyDir gcePersistentDisk awsElasticBlockStore gitRepo secret nfs iscsi glusterfs persistentVolumeClaim rbd quobyte flexVolume cinder cephfs flocker downwardAPI fc azureFile configMap vsphereVolume azureDisk photonPersistentDisk projected portworxVolume scaleIO storageos csi ephemeral image',
  },
  'core/v1.PersistentVolumeSource': { first: persistentVolumeSource },
  'core/v1.PersistentVolumeSpec': {
    first: `capacity ${persistentVolumeSource} accessModes claimRef persistentVolumeReclaimPolicy storageClassName mountOptions volumeMode nodeAffinity volumeAttributesClassName`,
  },
  'core/v1.PodSpec': {
    first:
      'volumes initContainers containers ephemeralContainers restartPolicy terminationGracePeriodSeconds activeDeadlineSeconds dnsPolicy nodeSelector serviceAccountName automountServiceAccountToken nodeName securityContext imagePullSecrets hostname subdomain setHostnameAsFQDN affinity schedulerName tolerations hostAliases priorityClassName priority preemptionPolicy dnsConfig readinessGates runtimeClassName overhead enableServiceLinks topologySpreadConstraints os',
    without: ['serviceAccount', ...ofTheHost],
  },
  'core/v1.PodSecurityContext': {
    first: 'seLinuxOptions windowsOptions runAsUser runAsGroup runAsNonRoot supplementalGroups supplementalGroupsPolicy fsGroup fsGroupChangePolicy sysctls seccompProfile appArmorProfile seLinuxChangePolicy',
  },
  'core/v1.PodStatus': { first: 'observedGeneration phase conditions message reason nominatedNodeName hostIP hostIPs podIPs startTime qosClass', without: ['podIP'] },
  'core/v1.ContainerStatus': { names: { lastState: 'LastTerminationState' } },
  'core/v1.ServiceAccountTokenProjection': { zeros: { expirationSeconds: 0 } },
  'core/v1.RBDVolumeSource': rbd,
  'core/v1.RBDPersistentVolumeSource': rbd,
  'core/v1.ISCSIVolumeSource': iscsi,
  'core/v1.ISCSIPersistentVolumeSource': iscsi,
  'core/v1.GlusterfsVolumeSource': glusterfs,
  'core/v1.GlusterfsPersistentVolumeSource': glusterfs,
  'core/v1.AzureDiskVolumeSource': { names: { diskURI: 'DataDiskURI' } },
  'core/v1.ServiceSpec': {
    first:
      'type ports selector clusterIP clusterIPs ipFamilies ipFamilyPolicy externalName externalIPs loadBalancerIP sessionAffinity sessionAffinityConfig loadBalancerSourceRanges externalTrafficPolicy healthCheckNodePort publishNotReadyAddresses allocateLoadBalancerNodePorts loadBalancerClass',
  },
  'batch/v1.JobSpec': {
    first:
      'parallelism completions podFailurePolicy successPolicy activeDeadlineSeconds backoffLimit backoffLimitPerIndex maxFailedIndexes selector manualSelector template ttlSecondsAfterFinished completionMode suspend podReplacementPolicy managedBy',
  },
  'apps/v1.RollingUpdateStatefulSetStrategy': { zeros: { partition: 0 } },
  'apps/v1.StatefulSetSpec': replicas,
  'apps/v1.DeploymentSpec': replicas,
  'apps/v1.ReplicaSetSpec': replicas,
  'apps/v1.RollingUpdateDeployment': rolling,
  'apps/v1.RollingUpdateDaemonSet': rolling,
  'storage/v1.CSIDriverSpec': { first: 'attachRequired fsGroupPolicy podInfoOnMount volumeLifecycleModes storageCapacity tokenRequests requiresRepublish seLinuxMount' },
  'autoscaling/v2.ContainerResourceMetricSource': metricSource,
  'resource/v1.DeviceAttribute': {
    names: {
      int: 'IntValue', bool: 'BoolValue', string: 'StringValue', version: 'VersionValue', ints: 'IntValues', bools: 'BoolValues', strings: 'StringValues', versions: 'VersionValues',
    },
  },
};

const initials = /^(api|aws|ca|cel|cidr|csi|dns|fc|fs|gce|gid|gmsa|grpc|http|ip|iqn|iscsi|json|nfs|os|pd|qos|rbd|ssl|tcp|tls|ttl|tty|uid|url)(?=[A-Z]|s?$)/;
const spelled: Record<string, string> = { cephfs: 'CephFS', storageos: 'StorageOS', wwids: 'WWIDs', iscsiInterface: 'ISCSIInterface' };

function goName(name: string): string {
  return spelled[name] ?? name.replace(/^seLinux/, 'SELinux').replace(initials, (text) => text.toUpperCase()).replace(/^[a-z]/, (char) => char.toUpperCase());
}

/** The fields of a type in the internal one's order, with their names there. */
const layouts = new Map<ObjectSchema, readonly (readonly [FieldSchema, string])[]>();

function layoutOf(schema: ObjectSchema): readonly (readonly [FieldSchema, string])[] {
  let layout = layouts.get(schema);
  if (!layout) {
    const { first = '', names = {}, without = [] } = differences[schema.id] ?? {};
    const ordered = new Set([...first.split(' ').filter(Boolean), ...schema.fields.keys()]);
    layout = [...ordered].filter((name) => !without.includes(name)).map((name) => [schema.fields.get(name)!, names[name] ?? goName(name)] as const);
    layouts.set(schema, layout);
  }
  return layout;
}

/** A value, or each of a list, of a type of the API (`core/v1.Taint`) as its internal type is written; absence is null. */
export function internal(type: string, value: object | undefined): unknown {
  if (!value) return null;
  const schema = schemaById(type)!;
  return Array.isArray(value) ? value.map((element: object) => shown(schema, element)) : shown(schema, value);
}

function shown(schema: ObjectSchema, value: object): Record<string, unknown> {
  const given = value as Record<string, unknown>;
  const out: Record<string, unknown> = {};
  for (const [field, name] of layoutOf(schema)) {
    const member = asGiven(given, field.name);
    // Metadata is embedded: its fields stand beside those of what has it.
    if (field.type.kind === 'object' && field.type.schema.id === 'meta/v1.ObjectMeta') Object.assign(out, served(field.type.schema, member ?? {}));
    else if (member === null) out[name] = absent(schema, field);
    else out[name] = present(field.type, member);
  }
  if (schema.id === 'core/v1.PodSpec' && out.SecurityContext)
    out.SecurityContext = { ...Object.fromEntries(ofTheHost.map((name) => [goName(name), given[name] ?? absent(schema, schema.fields.get(name)!)])), ...out.SecurityContext };
  return out;
}

function present(type: FieldType, value: unknown): unknown {
  switch (type.kind) {
    case 'object':
      return type.schema.id.startsWith('meta/v1.') ? served(type.schema, value as object) : shown(type.schema, value as object);
    case 'list':
      return (value as unknown[]).map((element) => present(type.element, element));
    case 'map':
      return sortedJson(Object.fromEntries(Object.entries(value as object).map(([key, element]) => [key, present(type.element, element)])));
    default:
      return value;
  }
}

/** Some types have no internal one, and are written as they are served; maps, as always, in the order of their keys. */
function served(schema: ObjectSchema, value: object): object {
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, schema.fields.get(name)?.type.kind === 'map' ? sortedJson(member) : member]));
}

function absent(schema: ObjectSchema, { name, type, pointer }: FieldSchema): unknown {
  const zero = differences[schema.id]?.zeros?.[name];
  if (zero !== undefined) return zero;
  if (pointer) return null;
  if (type.kind === 'object') return present(type, {});
  if (type.kind === 'special') return type.special === 'Quantity' ? '0' : type.special === 'IntOrString' ? 0 : null;
  if (type.kind !== 'scalar' || type.scalar === 'bytes' || type.scalar === 'any') return null;
  return type.scalar === 'string' ? '' : type.scalar === 'bool' ? false : 0;
}
