import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { v2Document, v3Document } from '../../../../main/apiserver/openapi/documents.ts';
import type { ServedResource } from '../../../../main/apiserver/openapi/index.ts';
import { loadDescriptions } from '../../../../main/api/schema.ts';

type Tree = { [key: string]: Tree };

const pods: ServedResource = {
  definition: { group: '', version: 'v1', kind: 'Pod', resource: 'pods', singular: 'pod', listKind: 'PodList', shortNames: [], categories: [], namespaced: true },
};

describe('the documents', () => {
  it('know the subresources that stream, with what they take, and the paths of discovery', () => {
    const paths = (v2Document([pods], {}) as Tree)['paths']!;
    const exec = paths['/api/v1/namespaces/{namespace}/pods/{name}/exec']!;
    expect(Object.keys(exec)).toEqual(['get', 'post', 'parameters']);
    expect(exec['get']).toMatchObject({ operationId: 'connectCoreV1GetNamespacedPodExec', 'x-kubernetes-action': 'connect' });
    expect(JSON.stringify(exec['parameters'])).toContain('#/parameters/command');
    expect(paths['/api/v1/namespaces/{namespace}/pods/{name}/log']!['get']).toMatchObject({ operationId: 'readCoreV1NamespacedPodLog' });
    expect(Object.keys(paths['/api/v1/namespaces/{namespace}/pods/{name}/proxy/{path}']!)).toContain('head');
    expect(paths['/api/v1/']!['get']).toMatchObject({ operationId: 'getCoreV1APIResources' });
    expect(paths).toHaveProperty(['/apis/', 'get']);
  });

  // Their texts come from a package that the build can do without.
  it.skipIf(!existsSync('node_modules/kubernetes-models'))('describe members that refer to other types, in paragraphs', async () => {
    const schemas = (v3Document([pods], await loadDescriptions()) as Tree)['components']!['schemas']!;
    const members = schemas['io.k8s.api.core.v1.PodSpec']!['properties']!;
    expect(members['affinity']).toEqual({ allOf: [{ $ref: '#/components/schemas/io.k8s.api.core.v1.Affinity' }], description: expect.stringContaining('scheduling constraints') });
    expect(schemas['io.k8s.apimachinery.pkg.apis.meta.v1.Time']).toEqual({ description: expect.stringMatching(/^Time is a wrapper around/) as string, type: 'string', format: 'date-time' });
    expect(schemas['io.k8s.api.core.v1.Pod']!['properties']!['metadata']!['description']).not.toContain('@');
    expect(members['setHostnameAsFQDN']!['description']).toContain(String.raw`HKEY_LOCAL_MACHINE\\SYSTEM`);
    expect(members['dnsPolicy']!['description']).toMatch(/\n\nPossible enum values:\n - `"ClusterFirst"`/);
  });

  it.skipIf(!existsSync('node_modules/kubernetes-models'))('describe values of any form once, at their type', async () => {
    const crds: ServedResource = {
      definition: { group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition', resource: 'customresourcedefinitions', singular: 'customresourcedefinition', listKind: 'CustomResourceDefinitionList', shortNames: [], categories: [], namespaced: false },
    };
    const schemas = (v3Document([crds], await loadDescriptions()) as Tree)['components']!['schemas']!;
    const of = (name: string) => schemas[`io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.${name}`]!;
    expect(of('JSON')['description']).toMatch(/^JSON represents any valid JSON value/);
    expect(of('JSONSchemaProps')['properties']!['example']).not.toHaveProperty('description');
    expect(of('CustomResourceSubresourceStatus')['description']).toContain('* exposes a /status subresource');
  });
});
