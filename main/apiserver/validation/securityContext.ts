import type { AppArmorProfile, PodSpec, SeccompProfile, SecurityContext } from '../../api/index.ts';
import type { FieldErrors } from './field.ts';
import { internal } from './internal.ts';
import { localDescendingPath } from './paths.ts';
import { validateWindowsOptions } from './podOs.ts';

/* Mirrors pkg/apis/core/validation/validation.go (ValidateSecurityContext, validatePodSpecSecurityContext). */

const profileTypes = ['Localhost', 'RuntimeDefault', 'Unconfined'];
const sysctlName = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/;

function id(errors: FieldErrors, field: string, value: number | undefined): void {
  if (value !== undefined && (value < 0 || value > 2147483647)) errors.invalid(field, value, 'must be between 0 and 2147483647, inclusive');
}

export function validateSecurityContext(errors: FieldErrors, field: string, context: SecurityContext | undefined, hostUsers: boolean): void {
  if (!context) return;
  id(errors, `${field}.runAsUser`, context.runAsUser);
  id(errors, `${field}.runAsGroup`, context.runAsGroup);
  if (context.procMount !== undefined) {
    if (context.procMount !== 'Default' && context.procMount !== 'Unmasked')
      errors.notSupported(`${field}.procMount`, context.procMount, ['Default', 'Unmasked']);
    if (hostUsers && context.procMount === 'Unmasked')
      errors.invalid(`${field}.procMount`, context.procMount, '`hostUsers` must be false to use `Unmasked`');
  }
  seccompProfile(errors, `${field}.seccompProfile`, context.seccompProfile);
  if (context.allowPrivilegeEscalation === false) {
    const shown = internal('core/v1.SecurityContext', context);
    if (context.privileged) errors.invalid(field, shown, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true');
    if (context.capabilities?.add?.includes('CAP_SYS_ADMIN'))
      errors.invalid(field, shown, 'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN');
  }
  validateWindowsOptions(errors, `${field}.windowsOptions`, context.windowsOptions);
  appArmorProfile(errors, `${field}.appArmorProfile`, context.appArmorProfile);
}

function seccompProfile(errors: FieldErrors, field: string, profile: SeccompProfile | undefined): void {
  if (!profile) return;
  if (!profile.type) errors.required(`${field}.type`, 'type is required when seccompProfile is set');
  else if (!profileTypes.includes(profile.type)) errors.notSupported(`${field}.type`, profile.type, profileTypes);
  if (profile.type === 'Localhost') {
    if (profile.localhostProfile === undefined) errors.required(`${field}.localhostProfile`, 'must be set when seccomp type is Localhost');
    else localDescendingPath(errors, `${field}.localhostProfile`, profile.localhostProfile);
  } else if (profile.localhostProfile !== undefined) {
    errors.invalid(`${field}.localhostProfile`, internal('core/v1.SeccompProfile', profile), 'can only be set when seccomp type is Localhost');
  }
}

function appArmorProfile(errors: FieldErrors, field: string, profile: AppArmorProfile | undefined): void {
  if (!profile) return;
  const path = `${field}.localhostProfile`;
  const name = profile.localhostProfile;
  if (profile.type === 'Localhost') {
    if (!name?.trim()) errors.required(path, 'must be set when AppArmor type is Localhost');
    else if (name !== name.trim()) errors.invalid(path, name, 'must not be padded with whitespace');
    if ((name?.length ?? 0) > 4095) errors.tooLong(path, 4095);
  } else if (!profile.type) errors.required(`${field}.type`, 'type is required when appArmorProfile is set');
  else if (!profileTypes.includes(profile.type)) errors.notSupported(`${field}.type`, profile.type, profileTypes);
  else if (name !== undefined) errors.invalid(path, name, 'can only be set when AppArmor type is Localhost');
}

export function validatePodSecurityContext(errors: FieldErrors, field: string, spec: PodSpec): void {
  const context = spec.securityContext;
  if (!context) return;
  id(errors, `${field}.fsGroup`, context.fsGroup);
  id(errors, `${field}.runAsUser`, context.runAsUser);
  id(errors, `${field}.runAsGroup`, context.runAsGroup);
  context.supplementalGroups?.forEach((group, i) => id(errors, `${field}.supplementalGroups[${i}]`, group));
  if (spec.shareProcessNamespace && spec.hostPID)
    errors.invalid(`${field}.shareProcessNamespace`, true, 'ShareProcessNamespace and HostPID cannot both be enabled');
  const seen = new Set<string>();
  context.sysctls?.forEach((sysctl, i) => {
    const path = `${field}.sysctls[${i}].name`;
    if (!sysctl.name) errors.required(path);
    else if (sysctl.name.length > 253 || !sysctlName.test(sysctl.name))
      errors.invalid(path, sysctl.name, `must have at most 253 characters and match regex ${sysctlName.source.replace('[./]', '[\\./]')}`);
    else if (seen.has(sysctl.name)) errors.duplicate(path, sysctl.name);
    const name = (sysctl.name ?? '').replaceAll('/', '.');
    if (spec.hostNetwork && name.startsWith('net.')) errors.invalid(path, sysctl.name, "may not be specified when 'hostNetwork' is true");
    if (spec.hostIPC && /^(kernel\.(shm|msg|sem)|fs\.mqueue\.)/.test(name))
      errors.invalid(path, sysctl.name, "may not be specified when 'hostIPC' is true");
    seen.add(sysctl.name);
  });
  oneOf(errors, `${field}.fsGroupChangePolicy`, context.fsGroupChangePolicy, ['Always', 'OnRootMismatch']);
  seccompProfile(errors, `${field}.seccompProfile`, context.seccompProfile);
  validateWindowsOptions(errors, `${field}.windowsOptions`, context.windowsOptions);
  appArmorProfile(errors, `${field}.appArmorProfile`, context.appArmorProfile);
  oneOf(errors, `${field}.supplementalGroupsPolicy`, context.supplementalGroupsPolicy, ['Merge', 'Strict']);
  oneOf(errors, `${field}.seLinuxChangePolicy`, context.seLinuxChangePolicy, ['Recursive']);
}

function oneOf(errors: FieldErrors, field: string, value: string | undefined, supported: string[]): void {
  if (value !== undefined && !supported.includes(value)) errors.notSupported(field, value, supported);
}
