import type { CustomResourceDefinition, JSONSchemaProps } from '../../api/index.ts';
import { snapshotGroup as group } from '../../api/volumeSnapshots.ts';

/* The kinds of snapshot.storage.k8s.io/v1, at the fields and rules that release v8 of external-snapshotter has of them. */

/** On definitions that we wrote, with the release that they follow. */
export const ownerAnnotation = 'skiff.dev/installed';
export const release = 'v8.3.0';

const text: JSONSchemaProps = { type: 'string' };
const truth: JSONSchemaProps = { type: 'boolean' };
const instant: JSONSchemaProps = { type: 'string', format: 'date-time' };
const policy: JSONSchemaProps = { type: 'string', enum: ['Delete', 'Retain'] };
const error: JSONSchemaProps = { type: 'object', properties: { message: text, time: instant } };

const rule = (expression: string, message: string) => ({ rule: expression, message });
const fixed = (name: string): JSONSchemaProps => ({ type: 'string', 'x-kubernetes-validations': [rule('self == oldSelf', `${name} is immutable`)] });
const staysSet = (name: string) => rule(`!has(oldSelf.${name}) || has(self.${name})`, `${name} is required once set`);

/** Two fixed fields, one of which says where a snapshot comes from. */
const either = (one: string, other: string): JSONSchemaProps => ({
  type: 'object',
  properties: { [one]: fixed(one), [other]: fixed(other) },
  'x-kubernetes-validations': [
    staysSet(one),
    staysSet(other),
    rule(`(has(self.${one}) && !has(self.${other})) || (!has(self.${one}) && has(self.${other}))`, `exactly one of ${one} and ${other} must be set`),
  ],
});

const column = (name: string, jsonPath: string, type = 'string') => ({ name, type, jsonPath });
const age = column('Age', '.metadata.creationTimestamp', 'date');

interface Definition {
  kind: string;
  plural: string;
  shortNames: string[];
  scope: 'Cluster' | 'Namespaced';
  columns: ReturnType<typeof column>[];
  properties: Record<string, JSONSchemaProps>;
  required: string[];
}

function define({ kind, plural, shortNames, scope, columns, properties, required }: Definition): CustomResourceDefinition {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${group}`,
      annotations: { 'api-approved.kubernetes.io': 'https://github.com/kubernetes-csi/external-snapshotter/pull/814', [ownerAnnotation]: release },
    },
    spec: {
      group,
      scope,
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase(), shortNames },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', properties: { apiVersion: text, kind: text, metadata: { type: 'object' }, ...properties }, required } },
          additionalPrinterColumns: columns,
          ...('status' in properties ? { subresources: { status: {} } } : {}),
        },
      ],
    },
  };
}

const quantity: JSONSchemaProps = {
  type: 'string',
  'x-kubernetes-int-or-string': true,
  pattern: '^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$',
};

const snapshot = define({
  kind: 'VolumeSnapshot',
  plural: 'volumesnapshots',
  shortNames: ['vs'],
  scope: 'Namespaced',
  columns: [
    column('ReadyToUse', '.status.readyToUse', 'boolean'),
    column('SourcePVC', '.spec.source.persistentVolumeClaimName'),
    column('SourceSnapshotContent', '.spec.source.volumeSnapshotContentName'),
    column('RestoreSize', '.status.restoreSize'),
    column('SnapshotClass', '.spec.volumeSnapshotClassName'),
    column('SnapshotContent', '.status.boundVolumeSnapshotContentName'),
    column('CreationTime', '.status.creationTime', 'date'),
    age,
  ],
  properties: {
    spec: {
      type: 'object',
      properties: {
        source: either('volumeSnapshotContentName', 'persistentVolumeClaimName'),
        volumeSnapshotClassName: {
          type: 'string',
          'x-kubernetes-validations': [rule('size(self) > 0', 'volumeSnapshotClassName must not be the empty string when set')],
        },
      },
      required: ['source'],
    },
    status: {
      type: 'object',
      properties: {
        boundVolumeSnapshotContentName: text,
        creationTime: instant,
        error,
        readyToUse: truth,
        restoreSize: quantity,
        volumeGroupSnapshotName: text,
      },
    },
  },
  required: ['spec'],
});

const wholeNumber = (more: Partial<JSONSchemaProps> = {}): JSONSchemaProps => ({ type: 'integer', format: 'int64', ...more });
const snapshotRefFields = ['apiVersion', 'fieldPath', 'kind', 'name', 'namespace', 'resourceVersion', 'uid'];

const content = define({
  kind: 'VolumeSnapshotContent',
  plural: 'volumesnapshotcontents',
  shortNames: ['vsc', 'vscs'],
  scope: 'Cluster',
  columns: [
    column('ReadyToUse', '.status.readyToUse', 'boolean'),
    column('RestoreSize', '.status.restoreSize', 'integer'),
    column('DeletionPolicy', '.spec.deletionPolicy'),
    column('Driver', '.spec.driver'),
    column('VolumeSnapshotClass', '.spec.volumeSnapshotClassName'),
    column('VolumeSnapshot', '.spec.volumeSnapshotRef.name'),
    column('VolumeSnapshotNamespace', '.spec.volumeSnapshotRef.namespace'),
    age,
  ],
  properties: {
    spec: {
      type: 'object',
      properties: {
        deletionPolicy: policy,
        driver: text,
        source: either('volumeHandle', 'snapshotHandle'),
        sourceVolumeMode: fixed('sourceVolumeMode'),
        volumeSnapshotClassName: text,
        volumeSnapshotRef: {
          type: 'object',
          properties: Object.fromEntries(snapshotRefFields.map((name) => [name, text])),
          'x-kubernetes-map-type': 'atomic',
          'x-kubernetes-validations': [
            rule('has(self.name) && has(self.__namespace__)', 'both spec.volumeSnapshotRef.name and spec.volumeSnapshotRef.namespace must be set'),
          ],
        },
      },
      required: ['deletionPolicy', 'driver', 'source', 'volumeSnapshotRef'],
      'x-kubernetes-validations': [staysSet('sourceVolumeMode')],
    },
    status: {
      type: 'object',
      properties: {
        creationTime: wholeNumber(),
        error,
        readyToUse: truth,
        restoreSize: wholeNumber({ minimum: 0 }),
        snapshotHandle: text,
        volumeGroupSnapshotHandle: text,
      },
    },
  },
  required: ['spec'],
});

const snapshotClass = define({
  kind: 'VolumeSnapshotClass',
  plural: 'volumesnapshotclasses',
  shortNames: ['vsclass', 'vsclasses'],
  scope: 'Cluster',
  columns: [column('Driver', '.driver'), column('DeletionPolicy', '.deletionPolicy'), age],
  properties: { deletionPolicy: policy, driver: text, parameters: { type: 'object', additionalProperties: text } },
  required: ['deletionPolicy', 'driver'],
});

export const definitions: CustomResourceDefinition[] = [snapshotClass, content, snapshot];
