import type { PodSpec, WindowsSecurityContextOptions } from '../../api/index.ts';
import { isDns1123Subdomain } from '../../api/names.ts';
import type { FieldErrors } from './field.ts';
import { byteLength } from './names.ts';
import { eachContainer } from './podAnnotations.ts';

/*
 * What pods of one operating system may not say that those of the other may. Mirrors pkg/apis/core/validation/validation.go
 * (validateOS, validateLinux, validateWindows, validateWindowsHostProcessPod, validateWindowsSecurityContextOptions).
 */

const systems = ['linux', 'windows'];
const ofLinuxPods = ['appArmorProfile', 'seLinuxOptions', 'hostUsers', 'hostPID', 'hostIPC', 'seccompProfile', 'fsGroup', 'fsGroupChangePolicy', 'sysctls', 'shareProcessNamespace', 'runAsUser', 'runAsGroup', 'supplementalGroups', 'supplementalGroupsPolicy', 'seLinuxChangePolicy'] as const;
const ofTheSpec = new Set<string>(['hostUsers', 'hostPID', 'hostIPC', 'shareProcessNamespace']);
const ofLinuxContainers = ['appArmorProfile', 'seLinuxOptions', 'seccompProfile', 'capabilities', 'readOnlyRootFilesystem', 'privileged', 'allowPrivilegeEscalation', 'procMount', 'runAsUser', 'runAsGroup'] as const;

const maxCredentialSpec = 64 * 1024;
const maxDomain = 256;
const maxUser = 104;
const netBios = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/;
const dnsDomain = /^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/;

export function validateOs(errors: FieldErrors, field: string, spec: PodSpec): void {
  if (!spec.os) return;
  const { name } = spec.os;
  if (!name) return errors.required(`${field}.os.name`);
  if (!systems.includes(name)) return errors.notSupported(`${field}.os`, name, systems);
  const context = spec.securityContext;
  if (name === 'linux') {
    const refuse = (given: { windowsOptions?: object } | undefined, path: string) => {
      if (given?.windowsOptions) errors.forbidden(`${path}.securityContext.windowsOptions`, 'windows options cannot be set for a linux pod');
    };
    refuse(context, field);
    return eachContainer(spec, field, (container, path) => refuse(container.securityContext, path));
  }
  const refuse = (path: string) => errors.forbidden(path, 'cannot be set for a windows pod');
  for (const part of ofLinuxPods) {
    const value = ofTheSpec.has(part) ? spec[part as 'hostPID'] : context?.[part as 'fsGroup'];
    const absent = value === undefined || ((part === 'hostPID' || part === 'hostIPC') && !value);
    if (context && !absent) refuse(ofTheSpec.has(part) ? `${field}.${part}` : `${field}.securityContext.${part}`);
  }
  eachContainer(spec, field, (container, path) => {
    for (const part of ofLinuxContainers) if (container.securityContext?.[part] !== undefined) refuse(`${path}.securityContext.${part}`);
  });
}

/** Processes of the host are alone in their pod, on the host's network. */
export function validateHostProcesses(errors: FieldErrors, field: string, spec: PodSpec): void {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess;
  let [all, onHost] = [0, 0];
  eachContainer(spec, field, (container, path) => {
    const own = container.securityContext?.windowsOptions?.hostProcess;
    all++;
    if (own ?? ofPod) onHost++;
    if (ofPod !== undefined && own !== undefined && own !== ofPod)
      errors.invalid(`${path}.securityContext.windowsOptions.hostProcess`, own, `pod hostProcess value must be identical if both are specified, was ${ofPod}`);
  });
  if (!onHost) return;
  if (onHost !== all) errors.invalid(field, '', 'If pod contains any hostProcess containers then all containers must be HostProcess containers');
  if (!spec.hostNetwork) errors.invalid(`${field}.hostNetwork`, false, 'hostNetwork must be true if pod contains any hostProcess containers');
}

export function validateWindowsOptions(errors: FieldErrors, field: string, options: WindowsSecurityContextOptions | undefined): void {
  if (!options) return;
  const { gmsaCredentialSpecName: specName, gmsaCredentialSpec: credentials, runAsUserName } = options;
  if (specName !== undefined) errors.invalidEach(`${field}.gmsaCredentialSpecName`, specName, isDns1123Subdomain(specName));
  const path = `${field}.gmsaCredentialSpec`;
  if (credentials === '') errors.invalid(path, credentials, 'gmsaCredentialSpec cannot be an empty string');
  else if (credentials !== undefined && byteLength(credentials) > maxCredentialSpec) errors.invalid(path, credentials, 'gmsaCredentialSpec size must be under 64 KiB');
  if (runAsUserName !== undefined) for (const problem of userProblems(runAsUserName)) errors.invalid(`${field}.runAsUserName`, runAsUserName, problem);
}

/** What is wrong with `DOMAIN\user`, or a user alone. */
function userProblems(name: string): string[] {
  if (!name) return ['runAsUserName cannot be an empty string'];
  if (/[\x00-\x1f\x7f]/.test(name)) return ['runAsUserName cannot contain control characters'];
  const parts = name.split('\\');
  if (parts.length > 2) return ['runAsUserName cannot contain more than one backslash'];
  const problems: string[] = [];
  const user = parts.at(-1)!;
  const domain = parts.length > 1 ? parts[0]! : undefined;
  if (domain !== undefined && domain.length >= maxDomain) problems.push(`runAsUserName's Domain length must be under ${maxDomain} characters`);
  if (domain !== undefined && !netBios.test(domain) && !dnsDomain.test(domain)) problems.push("runAsUserName's Domain doesn't match the NetBios nor the DNS format");
  if (!user) problems.push("runAsUserName's User cannot be empty");
  else if (user.length > maxUser) problems.push(`runAsUserName's User length must not be longer than ${maxUser} characters`);
  if (/^[. ]+$/.test(user)) problems.push("runAsUserName's User cannot contain only periods or spaces");
  if (/["/\\:;|=,+*?<>@[\]]/.test(user)) problems.push('runAsUserName\'s User cannot contain the following characters: "/\\:;|=,+*?<>@[]');
  return problems;
}
