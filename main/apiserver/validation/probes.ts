import { isHttpHeaderName } from '../../api/names.ts';
import type { Container, Lifecycle, LifecycleHandler, Probe } from '../../api/index.ts';
import type { FieldErrors } from './field.ts';
import { nonNegative, portNumberOrName } from './names.ts';

/* Mirrors pkg/apis/core/validation/validation.go (validateProbe, validateHandler, validateLifecycle). */

type Handler = Pick<Probe, 'exec' | 'httpGet' | 'tcpSocket' | 'grpc'> & Pick<LifecycleHandler, 'sleep'>;

/** All probes of a container. `grace` is the pod's terminationGracePeriodSeconds. */
export function validateProbes(errors: FieldErrors, field: string, container: Container, grace: number | undefined): void {
  const { livenessProbe, readinessProbe, startupProbe } = container;
  for (const [name, probe] of Object.entries({ livenessProbe, readinessProbe, startupProbe })) {
    if (!probe) continue;
    const path = `${field}.${name}`;
    validateProbe(errors, path, probe, grace);
    if (name !== 'readinessProbe' && probe.successThreshold !== 1) errors.invalid(`${path}.successThreshold`, probe.successThreshold, 'must be 1');
    if (name === 'readinessProbe' && probe.terminationGracePeriodSeconds !== undefined)
      errors.invalid(`${path}.terminationGracePeriodSeconds`, probe.terminationGracePeriodSeconds, 'must not be set for readinessProbes');
  }
}

function validateProbe(errors: FieldErrors, field: string, probe: Probe, grace: number | undefined): void {
  validateHandler(errors, field, probe, grace);
  for (const name of ['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'] as const)
    nonNegative(errors, `${field}.${name}`, probe[name]);
  if (probe.terminationGracePeriodSeconds !== undefined && probe.terminationGracePeriodSeconds <= 0)
    errors.invalid(`${field}.terminationGracePeriodSeconds`, probe.terminationGracePeriodSeconds, 'must be greater than 0');
}

export function validateLifecycle(errors: FieldErrors, field: string, lifecycle: Lifecycle, grace: number | undefined): void {
  if (lifecycle.postStart) validateHandler(errors, `${field}.postStart`, lifecycle.postStart, grace);
  if (lifecycle.preStop) validateHandler(errors, `${field}.preStop`, lifecycle.preStop, grace);
}

function validateHandler(errors: FieldErrors, field: string, handler: Handler, grace: number | undefined): void {
  let count = 0;
  const one = (name: string, given: unknown, check: () => void) => {
    if (given === undefined) return;
    if (count++) errors.forbidden(`${field}.${name}`, 'may not specify more than 1 handler type');
    else check();
  };
  one('exec', handler.exec, () => {
    if (!handler.exec!.command?.length) errors.required(`${field}.exec.command`);
  });
  one('httpGet', handler.httpGet, () => {
    const get = handler.httpGet!;
    if (!get.path) errors.required(`${field}.httpGet.path`);
    portNumberOrName(errors, `${field}.httpGet.port`, get.port);
    if (get.scheme !== 'HTTP' && get.scheme !== 'HTTPS') errors.notSupported(`${field}.httpGet.scheme`, get.scheme ?? '', ['HTTP', 'HTTPS']);
    for (const header of get.httpHeaders ?? [])
      errors.invalidEach(`${field}.httpGet.httpHeaders`, header.name, isHttpHeaderName(header.name));
  });
  one('tcpSocket', handler.tcpSocket, () => portNumberOrName(errors, `${field}.tcpSocket.port`, handler.tcpSocket!.port));
  one('grpc', handler.grpc, () => portNumberOrName(errors, `${field}.grpc.port`, handler.grpc!.port));
  one('sleep', handler.sleep, () => {
    const seconds = handler.sleep!.seconds ?? 0;
    if (grace !== undefined && (seconds < 0 || seconds > grace))
      errors.invalid(`${field}.sleep`, seconds, `must be non-negative and less than terminationGracePeriodSeconds (${grace})`);
  });
  if (!count) errors.required(field, 'must specify a handler type');
}
