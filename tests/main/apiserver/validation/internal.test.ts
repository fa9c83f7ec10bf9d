import { expect, it } from 'vitest';
import { decodeObject } from '../../../../main/api/decode.ts';
import { internal } from '../../../../main/apiserver/validation/internal.ts';
import type { Pod } from '../../../../main/api/index.ts';

it('leaves no field out and has them by their names in Go', () => {
  expect(JSON.stringify(internal('core/v1.Taint', { key: 'k', effect: 'NoSchedule' }))).toBe('{"Key":"k","Value":"","Effect":"NoSchedule","TimeAdded":null}');
  expect(internal('core/v1.HTTPGetAction', { port: 80 })).toEqual({ Path: '', Port: 80, Host: '', Scheme: '', HTTPHeaders: null });
  expect(internal('core/v1.Taint', undefined)).toBeNull();
});

it('has numbers where only the API tells absence from nothing', () => {
  expect(internal('apps/v1.DeploymentStrategy', { rollingUpdate: {} })).toEqual({ Type: '', RollingUpdate: { MaxUnavailable: 0, MaxSurge: 0 } });
});

it('says of the host in the security context of a pod', () => {
  const spec = internal('core/v1.PodSpec', { containers: [], hostNetwork: true, securityContext: { fsGroup: 1 } }) as Record<string, Record<string, unknown>>;
  expect(Object.keys(spec).slice(0, 3)).toEqual(['Volumes', 'InitContainers', 'Containers']);
  expect(spec).not.toHaveProperty('HostNetwork');
  expect(spec.SecurityContext).toMatchObject({ HostNetwork: true, HostPID: false, ShareProcessNamespace: null, FSGroup: 1 });
});

it('has the metadata of templates beside their spec, and maps in order', () => {
  const template = internal('core/v1.PersistentVolumeClaimTemplate', { metadata: { labels: { b: '1', a: '2' } }, spec: {} });
  expect(JSON.stringify(template)).toMatch(/^\{"labels":\{"a":"2","b":"1"\},"Spec":\{"AccessModes":null,"Selector":null,/);
});

it('tells what was given as empty from what was not given', () => {
  const { object } = decodeObject({ group: '', version: 'v1', kind: 'Pod' }, { spec: { nodeSelector: {}, tolerations: [], containers: [] } });
  expect(internal('core/v1.PodSpec', (object as Pod).spec)).toMatchObject({ NodeSelector: {}, Tolerations: [], ImagePullSecrets: null });
});
