import type { Pod, SeccompProfile } from '../../api/index.ts';
import type { ContainerSecurity, Image } from '../../runtime/index.ts';
import type { AnyContainer } from '../spec.ts';

/** The container's security context over the pod's. Mirrors pkg/kubelet/kuberuntime/security_context.go. */
export function securityOf(pod: Pod, container: AnyContainer, image: Pick<Image, 'uid' | 'username'>, seccompProfile?: string): ContainerSecurity {
  const ofPod = pod.spec?.securityContext ?? {};
  const own = container.securityContext ?? {};
  const security: ContainerSecurity = {};
  const runAsUser = own.runAsUser ?? ofPod.runAsUser;
  const runAsGroup = own.runAsGroup ?? ofPod.runAsGroup;
  if (runAsUser !== undefined) security.runAsUser = runAsUser;
  // The image's user with another group.
  else if (runAsGroup !== undefined) security.runAsUser = image.username ?? image.uid ?? 0;
  if (runAsGroup !== undefined) security.runAsGroup = runAsGroup;
  const groups = [...(ofPod.fsGroup === undefined ? [] : [ofPod.fsGroup]), ...(ofPod.supplementalGroups ?? [])];
  if (groups.length > 0) security.supplementalGroups = groups;
  if (ofPod.supplementalGroupsPolicy === 'Strict') security.strictGroups = true;
  if (own.privileged) security.privileged = true;
  if (own.readOnlyRootFilesystem) security.readOnlyRootFilesystem = true;
  if (own.allowPrivilegeEscalation === false) security.noNewPrivileges = true;
  if (own.capabilities) security.capabilities = { add: own.capabilities.add ?? [], drop: own.capabilities.drop ?? [] };
  if (own.procMount === 'Unmasked') security.procMount = 'Unmasked';
  const seccomp = own.privileged ? undefined : seccompOf(own.seccompProfile ?? ofPod.seccompProfile, seccompProfile);
  if (seccomp) security.seccomp = seccomp;
  const apparmor = own.appArmorProfile ?? ofPod.appArmorProfile;
  if (apparmor?.type === 'Unconfined') security.apparmor = 'unconfined';
  if (apparmor?.type === 'Localhost' && apparmor.localhostProfile) security.apparmor = apparmor.localhostProfile;
  return security;
}

/** Without a profile a container gets the runtime's own, as with upstream's --seccomp-default: it runs on the user's machine. */
function seccompOf(profile: SeccompProfile | undefined, text: string | undefined): ContainerSecurity['seccomp'] {
  switch (profile?.type) {
    case 'Unconfined':
      return { type: 'Unconfined' };
    case 'Localhost':
      return { type: 'Localhost', ...(text === undefined ? {} : { profile: text }) };
    default:
      return { type: 'RuntimeDefault' };
  }
}

/** The file of the node that holds a container's own seccomp profile; undefined: it has none. */
export function seccompFileOf(pod: Pod, container: AnyContainer): string | undefined {
  const profile = container.securityContext?.seccompProfile ?? pod.spec?.securityContext?.seccompProfile;
  return profile?.type === 'Localhost' && !container.securityContext?.privileged ? profile.localhostProfile : undefined;
}

/** Rejects what would run as root although it must not. Mirrors pkg/kubelet/kuberuntime/security_context_others.go (verifyRunAsNonRoot). */
export function verifyRunAsNonRoot(pod: Pod, container: AnyContainer, image: Image): void {
  const required = container.securityContext?.runAsNonRoot ?? pod.spec?.securityContext?.runAsNonRoot;
  if (!required) return;
  const about = `(pod: "${pod.metadata!.name}_${pod.metadata!.namespace}(${pod.metadata!.uid})", container: ${container.name})`;
  const runAsUser = container.securityContext?.runAsUser ?? pod.spec?.securityContext?.runAsUser;
  if (runAsUser !== undefined) {
    if (runAsUser === 0) throw new Error(`container's runAsUser breaks non-root policy ${about}`);
    return;
  }
  if (image.uid === 0 || (image.uid === undefined && image.username === undefined))
    throw new Error(`container has runAsNonRoot and image will run as root ${about}`);
  if (image.uid === undefined)
    throw new Error(
      `container has runAsNonRoot and image has non-numeric user (${image.username}), cannot verify user is non-root ${about}`,
    );
}
