import { isDns1123Label, isPortName, isPortNumber } from '../../api/names.ts';
import type { Container, ContainerPort, PodSpec, Volume, VolumeDevice, VolumeMount } from '../../api/index.ts';
import { validateEnv, validateEnvFrom } from './env.ts';
import type { FieldErrors } from './field.ts';
import { protocols } from './names.ts';
import { localDescendingPath } from './paths.ts';
import { isSidecar } from '../../api/podAmounts.ts';
import { validateLifecycle, validateProbes } from './probes.ts';
import { containerResourceName, resourceRequirements } from './resources.ts';
import { validateSecurityContext } from './securityContext.ts';
import { pullPolicy } from './volumes.ts';

/* Mirrors pkg/apis/core/validation/validation.go (validateContainers, validateInitContainers, validateEphemeralContainers). */

const restartPolicies = ['Always', 'Never', 'OnFailure'];
const ephemeralFields = new Set([
  'name', 'image', 'command', 'args', 'workingDir', 'env', 'envFrom', 'volumeMounts', 'volumeDevices', 'imagePullPolicy',
  'terminationMessagePath', 'terminationMessagePolicy', 'securityContext', 'stdin', 'stdinOnce', 'tty', 'targetContainerName',
]);

/** What the rest of the pod says that its containers depend on. */
interface Surroundings {
  spec: PodSpec;
  volumes: ReadonlyMap<string, Volume>;
  claims: ReadonlySet<string>;
  /** As it was, of which some may stay that is refused by now. */
  before?: PodSpec | undefined;
}

export function validateAllContainers(errors: FieldErrors, field: string, around: Surroundings): void {
  const { spec } = around;
  validateContainers(errors, `${field}.containers`, around);
  validateInitContainers(errors, `${field}.initContainers`, around);
  if (spec.ephemeralContainers?.length) validateEphemeralContainers(errors, `${field}.ephemeralContainers`, around);
}

function validateContainers(errors: FieldErrors, field: string, around: Surroundings): void {
  const { containers = [], terminationGracePeriodSeconds: grace } = around.spec;
  if (!containers.length) return errors.required(field);
  const names = new Set<string>();
  containers.forEach((container, i) => {
    const path = `${field}[${i}]`;
    validateCommon(errors, path, container, around);
    if (names.has(container.name)) errors.duplicate(`${path}.name`, container.name);
    names.add(container.name);
    if (container.lifecycle) validateLifecycle(errors, `${path}.lifecycle`, container.lifecycle, grace);
    validateProbes(errors, path, container, grace);
    restartRules(errors, path, container);
  });
  hostPortConflicts(errors, field, containers);
}

function validateInitContainers(errors: FieldErrors, field: string, around: Surroundings): void {
  const { containers = [], initContainers = [], terminationGracePeriodSeconds: grace } = around.spec;
  const names = new Set(containers.map((container) => container.name));
  const hadRestarts = around.before?.initContainers?.some((container) => !isSidecar(container) && container.resizePolicy?.some(({ restartPolicy }) => restartPolicy === 'RestartContainer'));
  initContainers.forEach((container, i) => {
    const path = `${field}[${i}]`;
    validateCommon(errors, path, container, around);
    restartRules(errors, path, container, true);
    if (names.has(container.name)) errors.duplicate(`${path}.name`, container.name);
    else if (container.name) names.add(container.name);
    hostPortConflicts(errors, field, [container]);
    if (isSidecar(container)) {
      if (container.lifecycle) validateLifecycle(errors, `${path}.lifecycle`, container.lifecycle, grace);
      validateProbes(errors, path, container, grace);
      return;
    }
    for (const name of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const)
      if (container[name]) errors.forbidden(`${path}.${name}`, 'may not be set for init containers without restartPolicy=Always');
    container.resizePolicy?.forEach((policy, j) => {
      if (policy.restartPolicy === 'RestartContainer' && !hadRestarts)
        errors.invalid(`${path}.resizePolicy[${j}].restartPolicy`, policy.restartPolicy, "must not be set to 'RestartContainer' for non-sidecar initContainers");
    });
  });
}

function validateEphemeralContainers(errors: FieldErrors, field: string, around: Surroundings): void {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = around.spec;
  const others = new Set([...containers, ...initContainers].map((container) => container.name));
  const names = new Set(others);
  ephemeralContainers.forEach((container, i) => {
    const path = `${field}[${i}]`;
    validateCommon(errors, path, container, around);
    imageSpacing(errors, path, container);
    if (names.has(container.name)) errors.duplicate(`${path}.name`, container.name);
    names.add(container.name);
    if (container.targetContainerName && !others.has(container.targetContainerName))
      errors.notFound(`${path}.targetContainerName`, container.targetContainerName);
    for (const [name, value] of Object.entries(container)) {
      const isEmpty = value === undefined || (typeof value === 'object' && value !== null && !Object.keys(value).length);
      if ((!isEmpty || (value !== undefined && name === 'lifecycle')) && !ephemeralFields.has(name)) errors.forbidden(`${path}.${name}`, 'cannot be set for an Ephemeral Container');
    }
    container.volumeMounts?.forEach((mount, j) => {
      for (const name of ['subPath', 'subPathExpr'] as const)
        if (mount[name]) errors.forbidden(`${path}.volumeMounts[${j}].${name}`, 'cannot be set for an Ephemeral Container');
    });
  });
}

export function imageSpacing(errors: FieldErrors, path: string, container: { image?: string }): void {
  const image = container.image ?? '';
  if (image !== image.trim()) errors.invalid(`${path}.image`, image, 'must not have leading or trailing whitespace');
}

function validateCommon(errors: FieldErrors, path: string, container: Container, { spec, volumes, claims }: Surroundings): void {
  if (!container.name) errors.required(`${path}.name`);
  else errors.invalidEach(`${path}.name`, container.name, isDns1123Label(container.name));
  if (!container.image) errors.required(`${path}.image`);
  const policy = container.terminationMessagePolicy;
  if (!policy) errors.required(`${path}.terminationMessagePolicy`);
  else if (policy !== 'File' && policy !== 'FallbackToLogsOnError')
    errors.notSupported(`${path}.terminationMessagePolicy`, policy, ['File', 'FallbackToLogsOnError']);
  validatePorts(errors, `${path}.ports`, container.ports);
  validateEnv(errors, `${path}.env`, container.env);
  validateEnvFrom(errors, `${path}.envFrom`, container.envFrom);
  validateMounts(errors, `${path}.volumeMounts`, container, volumes);
  validateDevices(errors, `${path}.volumeDevices`, container, volumes);
  pullPolicy(errors, `${path}.imagePullPolicy`, container.imagePullPolicy);
  resourceRequirements(errors, `${path}.resources`, container.resources, containerResourceName, claims);
  resizePolicy(errors, `${path}.resizePolicy`, container, spec.restartPolicy);
  validateSecurityContext(errors, `${path}.securityContext`, container.securityContext, spec.hostUsers !== false);
}

function validatePorts(errors: FieldErrors, field: string, ports: ContainerPort[] | undefined): void {
  const names = new Set<string>();
  ports?.forEach((port, i) => {
    const path = `${field}[${i}]`;
    if (port.name) {
      const messages = isPortName(port.name);
      errors.invalidEach(`${path}.name`, port.name, messages);
      if (!messages.length && names.has(port.name)) errors.duplicate(`${path}.name`, port.name);
      names.add(port.name);
    }
    if (!port.containerPort) errors.required(`${path}.containerPort`);
    else errors.invalidEach(`${path}.containerPort`, port.containerPort, isPortNumber(port.containerPort));
    if (port.hostPort) errors.invalidEach(`${path}.hostPort`, port.hostPort, isPortNumber(port.hostPort));
    protocol(errors, `${path}.protocol`, port.protocol);
  });
}

export function protocol(errors: FieldErrors, field: string, value: string | undefined): void {
  if (!value) errors.required(field);
  else if (!(protocols as readonly string[]).includes(value)) errors.notSupported(field, value, protocols);
}

function hostPortConflicts(errors: FieldErrors, field: string, containers: Container[]): void {
  const taken = new Set<string>();
  containers.forEach((container, i) =>
    container.ports?.forEach((port, j) => {
      if (!port.hostPort) return;
      const key = `${port.protocol}/${port.hostIP ?? ''}/${port.hostPort}`;
      if (taken.has(key)) errors.duplicate(`${field}[${i}].ports[${j}].hostPort`, key);
      taken.add(key);
    }),
  );
}

/** `onlyTheFirst`: of rules without a policy no more is said. */
function restartRules(errors: FieldErrors, path: string, container: Container, onlyTheFirst = false): void {
  const { restartPolicy, restartPolicyRules: rules = [] } = container;
  if (restartPolicy === undefined) {
    if (!rules.length) return;
    errors.required(`${path}.restartPolicy`, 'must specify restartPolicy when restart rules are used');
    if (onlyTheFirst) return;
  } else if (!restartPolicies.includes(restartPolicy)) {
    errors.notSupported(`${path}.restartPolicy`, restartPolicy, restartPolicies);
  }
  if (rules.length > 20) errors.tooMany(`${path}.restartPolicyRules`, rules.length, 20);
  rules.forEach((rule, i) => {
    const rulePath = `${path}.restartPolicyRules[${i}]`;
    if (rule.action !== 'Restart' && rule.action !== 'RestartAllContainers')
      errors.notSupported(`${rulePath}.action`, rule.action ?? '', ['Restart', 'RestartAllContainers']);
    if (!rule.exitCodes) return errors.required(`${rulePath}.exitCodes`, 'must be specified');
    if (rule.exitCodes.operator !== 'In' && rule.exitCodes.operator !== 'NotIn')
      errors.notSupported(`${rulePath}.exitCodes.operator`, rule.exitCodes.operator ?? '', ['In', 'NotIn']);
    if ((rule.exitCodes.values?.length ?? 0) > 255) errors.tooMany(`${rulePath}.exitCodes.values`, rule.exitCodes.values!.length, 255);
  });
}

function resizePolicy(errors: FieldErrors, field: string, container: Container, podRestartPolicy: string | undefined): void {
  const seen = new Set<string>();
  container.resizePolicy?.forEach((policy, i) => {
    if (seen.has(policy.resourceName)) errors.duplicate(`${field}[${i}]`, policy.resourceName);
    seen.add(policy.resourceName);
    if (!policy.resourceName) errors.required(field);
    else if (policy.resourceName !== 'cpu' && policy.resourceName !== 'memory') errors.notSupported(field, policy.resourceName, ['cpu', 'memory']);
    if (!policy.restartPolicy) errors.required(field);
    else if (policy.restartPolicy !== 'NotRequired' && policy.restartPolicy !== 'RestartContainer')
      errors.notSupported(field, policy.restartPolicy, ['NotRequired', 'RestartContainer']);
    if (podRestartPolicy === 'Never' && policy.restartPolicy !== 'NotRequired')
      errors.invalid(field, policy.restartPolicy, "must be 'NotRequired' when pod `restartPolicy` is 'Never'");
  });
}

function validateMounts(errors: FieldErrors, field: string, container: Container, volumes: ReadonlyMap<string, Volume>): void {
  const devices = container.volumeDevices ?? [];
  const taken = new Set<string>();
  container.volumeMounts?.forEach((mount, i) => {
    const path = `${field}[${i}]`;
    if (!mount.name) errors.required(`${path}.name`);
    if (!volumes.has(mount.name)) errors.notFound(`${path}.name`, mount.name ?? '');
    if (!mount.mountPath) errors.required(`${path}.mountPath`);
    if (taken.has(mount.mountPath)) errors.invalid(`${path}.mountPath`, mount.mountPath, 'must be unique');
    taken.add(mount.mountPath);
    if (devices.some((device) => device.name === mount.name)) errors.invalid(`${path}.name`, mount.name, 'must not already exist in volumeDevices');
    if (devices.some((device) => device.devicePath === mount.mountPath))
      errors.invalid(`${path}.mountPath`, mount.mountPath, 'must not already exist as a path in volumeDevices');
    if (mount.subPath) localDescendingPath(errors, `${field}.subPath`, mount.subPath);
    if (mount.subPathExpr) {
      if (mount.subPath) errors.invalid(`${path}.subPathExpr`, mount.subPathExpr, 'subPathExpr and subPath are mutually exclusive');
      localDescendingPath(errors, `${field}.subPathExpr`, mount.subPathExpr);
    }
    propagation(errors, field, mount, container);
  });
}

function propagation(errors: FieldErrors, field: string, mount: VolumeMount, container: Container): void {
  const mode = mount.mountPropagation;
  if (mode !== undefined) {
    const supported = ['Bidirectional', 'HostToContainer', 'None'];
    if (!supported.includes(mode)) errors.notSupported(`${field}.mountPropagation`, mode, supported);
    if (mode === 'Bidirectional' && !container.securityContext?.privileged)
      errors.forbidden(`${field}.mountPropagation`, 'Bidirectional mount propagation is available only to privileged containers');
  }
  const recursive = mount.recursiveReadOnly;
  if (recursive === 'Enabled' || recursive === 'IfPossible') {
    if (!mount.readOnly) errors.forbidden(`${field}.recursiveReadOnly`, 'may only be specified when readOnly is true');
    if (mode !== undefined && mode !== 'None')
      errors.forbidden(`${field}.recursiveReadOnly`, 'may only be specified when mountPropagation is None or not specified');
  } else if (recursive !== undefined && recursive !== 'Disabled') {
    errors.notSupported(`${field}.recursiveReadOnly`, recursive, ['Disabled', 'Enabled', 'IfPossible']);
  }
}

function validateDevices(errors: FieldErrors, field: string, container: Container, volumes: ReadonlyMap<string, Volume>): void {
  const mounts = container.volumeMounts ?? [];
  const names = new Set<string>();
  const paths = new Set<string>();
  container.volumeDevices?.forEach((device: VolumeDevice, i) => {
    const path = `${field}[${i}]`;
    const { name, devicePath } = device;
    const volume = volumes.get(name);
    if (!name) errors.required(`${path}.name`);
    if (names.has(name)) errors.invalid(`${path}.name`, name, 'must be unique');
    if (volume && !volume.persistentVolumeClaim && !volume.ephemeral)
      errors.invalid(`${path}.name`, name, 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode');
    if (!volume) errors.notFound(`${path}.name`, name ?? '');
    if (!devicePath) errors.required(`${path}.devicePath`);
    if (paths.has(devicePath)) errors.invalid(`${path}.devicePath`, devicePath, 'must be unique');
    if (devicePath?.split('/').includes('..')) errors.invalid(`${path}.devicePath`, devicePath, "can not contain backsteps ('..')");
    else paths.add(devicePath);
    if (mounts.some((mount) => mount.name === name)) errors.invalid(`${path}.name`, name, 'must not already exist in volumeMounts');
    if (mounts.some((mount) => mount.mountPath === devicePath))
      errors.invalid(`${path}.devicePath`, devicePath, 'must not already exist as a path in volumeMounts');
    if (name) names.add(name);
  });
}

/** Environment variables out of a file need an emptyDir that holds it. */
export function fileKeyVolumes(errors: FieldErrors, field: string, spec: PodSpec): void {
  for (const kind of ['initContainers', 'containers', 'ephemeralContainers'] as const)
    spec[kind]?.forEach((container, i) =>
      container.env?.forEach((variable, j) => {
        const ref = variable.valueFrom?.fileKeyRef;
        if (!ref) return;
        const path = `${field}.${kind}[${i}].env[${j}].valueFrom.fileKeyRef`;
        const volume = spec.volumes?.find((v) => v.name === ref.volumeName);
        if (!volume) errors.notFound(`${path}.volumeName`, ref.volumeName);
        else if (!volume.emptyDir) errors.invalid(`${path}.volumeName`, ref.volumeName, 'referenced volume must be of type emptyDir');
      }),
    );
}
