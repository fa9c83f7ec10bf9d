import type { CustomResourceDefinition, CustomResourceDefinitionVersion, JSONSchemaProps } from '../../api/index.ts';
import { group } from './kinds.ts';
import * as s from './schema.ts';

/* The kinds of Gateway API's standard channel that are served here, at the fields that release v1.6 has of them. */

export const bundleVersion = 'v1.6.1';
export const bundleAnnotation = 'gateway.networking.k8s.io/bundle-version';
/** On definitions that we wrote. One that a user installs himself takes it away, or bears another release. */
export const ownerAnnotation = 'skiff.dev/installed';

const column = (name: string, jsonPath: string, type = 'string') => ({ name, type, jsonPath });
const age = column('Age', '.metadata.creationTimestamp', 'date');

interface Definition {
  kind: string;
  plural: string;
  shortNames?: string[];
  scope: 'Cluster' | 'Namespaced';
  /** The one that is stored first. */
  versions: string[];
  labels?: Record<string, string>;
  columns: ReturnType<typeof column>[];
  spec: JSONSchemaProps;
  status?: JSONSchemaProps;
  initialStatus?: unknown;
}

function define({ kind, plural, shortNames, scope, versions, labels, columns, spec, status, initialStatus }: Definition): CustomResourceDefinition {
  const openAPIV3Schema = s.object(
    {
      apiVersion: s.text(),
      kind: s.text(),
      metadata: { type: 'object' },
      spec,
      ...(status ? { status: { ...status, ...(initialStatus === undefined ? {} : { default: initialStatus }) } } : {}),
    },
    ['spec'],
  );
  const version = (name: string, index: number): CustomResourceDefinitionVersion => ({
    name,
    served: true,
    storage: index === 0,
    schema: { openAPIV3Schema },
    additionalPrinterColumns: columns,
    ...(status ? { subresources: { status: {} } } : {}),
  });
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${group}`,
      ...(labels ? { labels } : {}),
      annotations: {
        'api-approved.kubernetes.io': 'https://github.com/kubernetes-sigs/gateway-api',
        [bundleAnnotation]: bundleVersion,
        [ownerAnnotation]: bundleVersion,
        'gateway.networking.k8s.io/channel': 'standard',
      },
    },
    spec: {
      group,
      scope,
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase(), categories: ['gateway-api'], ...(shortNames ? { shortNames } : {}) },
      versions: versions.map(version),
    },
  };
}

const waiting = (...types: string[]) =>
  types.map((type) => ({ type, status: 'Unknown', reason: 'Pending', message: 'Waiting for controller', lastTransitionTime: '1970-01-01T00:00:00Z' }));

const gatewayClass = define({
  kind: 'GatewayClass',
  plural: 'gatewayclasses',
  shortNames: ['gc'],
  scope: 'Cluster',
  versions: ['v1', 'v1beta1'],
  columns: [
    column('Controller', '.spec.controllerName'),
    column('Accepted', '.status.conditions[?(@.type=="Accepted")].status'),
    age,
    { ...column('Description', '.spec.description'), priority: 1 } as ReturnType<typeof column>,
  ],
  spec: s.object(
    {
      controllerName: s.word(253, '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/[A-Za-z0-9/\\-._~%!$&\'()*+,;=:]+$'),
      description: s.text({ maxLength: 64 }),
      parametersRef: s.object({ group: s.groupName(), kind: s.kind(), name: s.objectName, namespace: s.namespaceName }, ['group', 'kind', 'name']),
    },
    ['controllerName'],
    { 'x-kubernetes-validations': [s.rule('self.controllerName == oldSelf.controllerName', 'controllerName is immutable')] },
  ),
  status: s.object({ conditions: s.conditions, supportedFeatures: s.mapBy(['name'], s.object({ name: s.text() }, ['name']), 64) }),
  initialStatus: { conditions: waiting('Accepted') },
});

const namespaceSelector = s.object(
  {
    matchLabels: { type: 'object', additionalProperties: s.text() },
    matchExpressions: s.list(s.object({ key: s.text(), operator: s.text(), values: s.list(s.text(), 256) }, ['key', 'operator']), 64),
  },
  [],
  { 'x-kubernetes-map-type': 'atomic' },
);
const secretRef = s.object({ group: s.groupName(''), kind: s.kind('Secret'), name: s.objectName, namespace: s.namespaceName }, ['name']);
const annotationsOf = { type: 'object', additionalProperties: s.text({ maxLength: 4096 }), maxProperties: 8 } as JSONSchemaProps;
const listener = s.object(
  {
    name: s.sectionName,
    hostname: s.hostname,
    port: s.port,
    protocol: s.word(255, '^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/[A-Za-z0-9]+$'),
    tls: s.object(
      {
        mode: s.oneOf(['Terminate', 'Passthrough'], 'Terminate'),
        certificateRefs: s.list(secretRef, 64),
        options: { ...annotationsOf, maxProperties: 16 },
      },
      [],
      { 'x-kubernetes-validations': [s.rule("self.mode == 'Terminate' ? size(self.certificateRefs) > 0 || size(self.options) > 0 : true", 'certificateRefs or options must be specified when mode is Terminate')] },
    ),
    allowedRoutes: s.object(
      {
        namespaces: s.object({ from: s.oneOf(['All', 'Selector', 'Same', 'None'], 'Same'), selector: namespaceSelector }, [], { default: { from: 'Same' } }),
        kinds: s.list(s.object({ group: s.groupName(group), kind: s.kind() }, ['kind']), 8),
      },
      [],
      { default: { namespaces: { from: 'Same' } } },
    ),
  },
  ['name', 'port', 'protocol'],
);
const addressType = { ...s.word(253), default: 'IPAddress' };

const gateway = define({
  kind: 'Gateway',
  plural: 'gateways',
  shortNames: ['gtw'],
  scope: 'Namespaced',
  versions: ['v1', 'v1beta1'],
  columns: [
    column('Class', '.spec.gatewayClassName'),
    column('Address', '.status.addresses[*].value'),
    column('Programmed', '.status.conditions[?(@.type=="Programmed")].status'),
    age,
  ],
  spec: s.object(
    {
      gatewayClassName: s.objectName,
      listeners: s.mapBy(['name'], listener, 64, {
        minItems: 1,
        'x-kubernetes-validations': [
          s.rule("self.all(l, l.protocol in ['HTTP', 'TCP', 'UDP'] ? !has(l.tls) : true)", "tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']"),
          s.rule("self.all(l, l.protocol == 'HTTPS' ? has(l.tls) && l.tls.mode == 'Terminate' : true)", 'tls mode must be Terminate for protocol HTTPS'),
          s.rule("self.all(l, l.protocol in ['TCP', 'UDP'] ? !has(l.hostname) : true)", "hostname must not be specified for protocols ['TCP', 'UDP']"),
          s.rule('self.all(a, self.exists_one(b, a.port == b.port && a.protocol == b.protocol && (has(a.hostname) ? has(b.hostname) && a.hostname == b.hostname : !has(b.hostname))))', 'Combination of port, protocol and hostname must be unique for each listener'),
        ],
      }),
      addresses: s.list(s.object({ type: addressType, value: s.text({ maxLength: 253 }) }), 16),
      infrastructure: s.object({
        labels: annotationsOf,
        annotations: annotationsOf,
        parametersRef: s.object({ group: s.groupName(), kind: s.kind(), name: s.objectName }, ['group', 'kind', 'name']),
      }),
    },
    ['gatewayClassName', 'listeners'],
  ),
  status: s.object({
    addresses: s.list(s.object({ type: addressType, value: s.word(253) }, ['value']), 16),
    conditions: s.conditions,
    listeners: s.mapBy(
      ['name'],
      s.object(
        {
          name: s.sectionName,
          supportedKinds: s.list(s.object({ group: s.groupName(group), kind: s.kind() }, ['kind']), 8),
          attachedRoutes: { type: 'integer', format: 'int32' },
          conditions: s.conditions,
        },
        ['attachedRoutes', 'conditions', 'name'],
      ),
      64,
    ),
  }),
  initialStatus: { conditions: waiting('Accepted', 'Programmed') },
});

const parentRef = s.object(
  { group: s.groupName(group), kind: s.kind('Gateway'), namespace: s.namespaceName, name: s.objectName, sectionName: s.sectionName, port: s.port },
  ['name'],
);
const parentRefs = s.list(parentRef, 32, { 'x-kubernetes-list-type': 'atomic' });
const routeStatus = s.object(
  { parents: s.list(s.object({ parentRef, controllerName: s.word(253), conditions: s.conditions }, ['conditions', 'controllerName', 'parentRef']), 32, { 'x-kubernetes-list-type': 'atomic' }) },
  ['parents'],
);
const hostnames = (more: Partial<JSONSchemaProps> = {}) => s.list(s.hostname, 16, { 'x-kubernetes-list-type': 'atomic', ...more });

const backendFields = { group: s.groupName(''), kind: s.kind('Service'), name: s.objectName, namespace: s.namespaceName, port: s.port };
const servicePort = { 'x-kubernetes-validations': [s.rule("(size(self.group) == 0 && self.kind == 'Service') ? has(self.port) : true", 'Must have port for Service reference')] };
const weight = s.number(0, 1_000_000, { default: 1 });

const headerValues = s.mapBy(['name'], s.object({ name: s.headerName, value: s.word(4096) }, ['name', 'value']), 16);
const headerFilter = s.object({ set: headerValues, add: headerValues, remove: s.list(s.text(), 16, { 'x-kubernetes-list-type': 'set' }) });
const pathModifier = s.object(
  { type: s.oneOf(['ReplaceFullPath', 'ReplacePrefixMatch']), replaceFullPath: s.text({ maxLength: 1024 }), replacePrefixMatch: s.text({ maxLength: 1024 }) },
  ['type'],
  {
    'x-kubernetes-validations': [
      s.rule("self.type == 'ReplaceFullPath' ? has(self.replaceFullPath) : !has(self.replaceFullPath)", 'replaceFullPath must be specified when type is ReplaceFullPath, and only then'),
      s.rule("self.type == 'ReplacePrefixMatch' ? has(self.replacePrefixMatch) : !has(self.replacePrefixMatch)", 'replacePrefixMatch must be specified when type is ReplacePrefixMatch, and only then'),
    ],
  },
);
const mirror = s.object({
  backendRef: s.object(backendFields, ['name'], servicePort),
  percent: s.number(0, 100),
  fraction: s.object({ numerator: s.number(0, 2 ** 31 - 1), denominator: s.number(1, 2 ** 31 - 1, { default: 100 }) }, ['numerator']),
}, ['backendRef'], { 'x-kubernetes-validations': [s.rule('!(has(self.percent) && has(self.fraction))', 'Only one of percent or fraction may be specified in HTTPRequestMirrorFilter')] });

/** Type of a filter → the field that belongs to it. */
const grpcFilters = { RequestHeaderModifier: 'requestHeaderModifier', ResponseHeaderModifier: 'responseHeaderModifier', RequestMirror: 'requestMirror', ExtensionRef: 'extensionRef' };
const httpFilters = { ...grpcFilters, RequestRedirect: 'requestRedirect', URLRewrite: 'urlRewrite', CORS: 'cors' };
const allFilterFields: Record<string, JSONSchemaProps> = {
  requestHeaderModifier: headerFilter,
  responseHeaderModifier: headerFilter,
  requestMirror: mirror,
  extensionRef: s.object({ group: s.groupName(), kind: s.kind(), name: s.objectName }, ['group', 'kind', 'name']),
  requestRedirect: s.object({ scheme: s.oneOf(['http', 'https']), hostname: s.preciseHostname, path: pathModifier, port: s.port, statusCode: { type: 'integer', enum: [301, 302, 303, 307, 308], default: 302 } }),
  cors: s.object(
    {
      allowOrigins: s.list(s.word(253, String.raw`(^\*$)|(^([a-zA-Z][a-zA-Z0-9+\-.]*):\/\/([^:/?#]+)(:([0-9]{1,5}))?$)`), 64, { 'x-kubernetes-list-type': 'set' }),
      allowMethods: s.list(s.oneOf(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH', '*']), 9, { 'x-kubernetes-list-type': 'set' }),
      allowHeaders: s.list(s.headerName, 64, { 'x-kubernetes-list-type': 'set' }),
      exposeHeaders: s.list(s.headerName, 64, { 'x-kubernetes-list-type': 'set' }),
      allowCredentials: { type: 'boolean' },
      maxAge: s.number(1, 2 ** 31 - 1, { default: 5 }),
    },
    [],
    {
      'x-kubernetes-validations': [
        s.rule("!has(self.allowOrigins) || !('*' in self.allowOrigins && self.allowOrigins.size() > 1)", "AllowOrigins cannot contain '*' alongside other origins"),
        s.rule("!has(self.allowMethods) || !('*' in self.allowMethods && self.allowMethods.size() > 1)", "AllowMethods cannot contain '*' alongside other methods"),
      ],
    },
  ),
  urlRewrite: s.object({ hostname: s.preciseHostname, path: pathModifier }),
};
function filters(types: Record<string, string>): JSONSchemaProps {
  const fields = Object.fromEntries(Object.values(types).map((name) => [name, allFilterFields[name]!]));
  const rules = Object.entries(types).map(([type, field]) => s.rule(`(self.type == '${type}') == has(self.${field})`, `filter.${field} must be specified for ${type} filter.type, and only for it`));
  return s.list(s.object({ type: s.oneOf(Object.keys(types)), ...fields }, ['type'], { 'x-kubernetes-validations': rules }), 16, { 'x-kubernetes-list-type': 'atomic' });
}
const backendRefs = (types: Record<string, string>) =>
  s.list(s.object({ ...backendFields, weight, filters: filters(types) }, ['name'], servicePort), 16, { 'x-kubernetes-list-type': 'atomic' });

const valueMatch = (name: JSONSchemaProps) => s.object({ type: s.oneOf(['Exact', 'RegularExpression'], 'Exact'), name, value: s.word(4096) }, ['name', 'value']);
const httpMatch = s.object({
  path: s.object(
    { type: s.oneOf(['Exact', 'PathPrefix', 'RegularExpression'], 'PathPrefix'), value: s.text({ maxLength: 1024, default: '/' }) },
    [],
    {
      default: { type: 'PathPrefix', value: '/' },
      'x-kubernetes-validations': [
        s.rule("self.type in ['Exact', 'PathPrefix'] ? self.value.startsWith('/') : true", "value must be an absolute path and start with '/' when type one of ['Exact', 'PathPrefix']"),
        s.rule("self.type in ['Exact', 'PathPrefix'] ? !self.value.contains('//') : true", "must not contain '//' when type one of ['Exact', 'PathPrefix']"),
        s.rule("self.type in ['Exact', 'PathPrefix'] ? !self.value.contains('#') : true", "must not contain '#' when type one of ['Exact', 'PathPrefix']"),
      ],
    },
  ),
  headers: s.mapBy(['name'], valueMatch(s.headerName), 16),
  queryParams: s.mapBy(['name'], valueMatch(s.headerName), 16),
  method: s.oneOf(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']),
});
const everyPath = [{ path: { type: 'PathPrefix', value: '/' } }];
const routeColumns = [column('Hostnames', '.spec.hostnames'), age];
const ruleName = s.sectionName;

const httpRoute = define({
  kind: 'HTTPRoute',
  plural: 'httproutes',
  scope: 'Namespaced',
  versions: ['v1', 'v1beta1'],
  columns: routeColumns,
  spec: s.object({
    parentRefs,
    hostnames: hostnames(),
    rules: s.list(
      s.object({
        name: ruleName,
        matches: s.list(httpMatch, 64, { default: everyPath, 'x-kubernetes-list-type': 'atomic' }),
        filters: filters(httpFilters),
        backendRefs: backendRefs(httpFilters),
        timeouts: s.object({ request: s.duration, backendRequest: s.duration }),
      }),
      16,
      { minItems: 1, default: [{ matches: everyPath }], 'x-kubernetes-list-type': 'atomic' },
    ),
  }),
  status: routeStatus,
});

const grpcRoute = define({
  kind: 'GRPCRoute',
  plural: 'grpcroutes',
  scope: 'Namespaced',
  versions: ['v1'],
  columns: routeColumns,
  spec: s.object({
    parentRefs,
    hostnames: hostnames(),
    rules: s.list(
      s.object({
        name: ruleName,
        matches: s.list(
          s.object({
            method: s.object({ type: s.oneOf(['Exact', 'RegularExpression'], 'Exact'), service: s.text({ maxLength: 1024 }), method: s.text({ maxLength: 1024 }) }, [], {
              'x-kubernetes-validations': [s.rule('has(self.service) || has(self.method)', "One or both of 'service' or 'method' must be specified")],
            }),
            headers: s.mapBy(['name'], valueMatch(s.headerName), 16),
          }),
          64,
          { 'x-kubernetes-list-type': 'atomic' },
        ),
        filters: filters(grpcFilters),
        backendRefs: backendRefs(grpcFilters),
      }),
      16,
      { 'x-kubernetes-list-type': 'atomic' },
    ),
  }),
  status: routeStatus,
});

const tlsRoute = define({
  kind: 'TLSRoute',
  plural: 'tlsroutes',
  scope: 'Namespaced',
  versions: ['v1'],
  columns: [age],
  spec: s.object(
    {
      parentRefs,
      hostnames: hostnames({ minItems: 1 }),
      rules: s.list(
        s.object(
          { name: ruleName, backendRefs: s.list(s.object({ ...backendFields, weight }, ['name'], servicePort), 16, { minItems: 1, 'x-kubernetes-list-type': 'atomic' }) },
          ['backendRefs'],
        ),
        1,
        { minItems: 1, 'x-kubernetes-list-type': 'atomic' },
      ),
    },
    ['hostnames', 'rules'],
  ),
  status: routeStatus,
});

const referenceGrant = define({
  kind: 'ReferenceGrant',
  plural: 'referencegrants',
  shortNames: ['refgrant'],
  scope: 'Namespaced',
  versions: ['v1beta1', 'v1'],
  columns: [age],
  spec: s.object(
    {
      from: s.list(s.object({ group: s.groupName(), kind: s.kind(), namespace: s.namespaceName }, ['group', 'kind', 'namespace']), 16, { minItems: 1, 'x-kubernetes-list-type': 'atomic' }),
      to: s.list(s.object({ group: s.groupName(), kind: s.kind(), name: s.objectName }, ['group', 'kind']), 16, { minItems: 1, 'x-kubernetes-list-type': 'atomic' }),
    },
    ['from', 'to'],
  ),
});

const sectionOf = (target: string) => `(!has(${target}.sectionName) || ${target}.sectionName == '')`;
const sameTarget = 'p1.group == p2.group && p1.kind == p2.kind && p1.name == p2.name';
const isSet = (field: string) => `has(self.${field}) && self.${field} != ""`;
/** An alternative name has the field of its type, and not the other's. */
const belongsTo = (type: string, field: string) => [
  s.rule(`!(self.type == "${type}" && !(${isSet(field)}))`, `SubjectAltName element must contain ${field}, if Type is set to ${type}`),
  s.rule(`!(self.type != "${type}" && ${isSet(field)})`, `SubjectAltName element must not contain ${field}, if Type is not set to ${type}`),
];

const backendTlsPolicy = define({
  kind: 'BackendTLSPolicy',
  plural: 'backendtlspolicies',
  shortNames: ['btlspolicy'],
  scope: 'Namespaced',
  versions: ['v1'],
  labels: { 'gateway.networking.k8s.io/policy': 'Direct' },
  columns: [age],
  spec: s.object(
    {
      targetRefs: s.list(s.object({ group: s.groupName(), kind: s.kind(), name: s.objectName, sectionName: s.sectionName }, ['group', 'kind', 'name']), 16, {
        minItems: 1,
        'x-kubernetes-list-type': 'atomic',
        'x-kubernetes-validations': [
          s.rule(`self.all(p1, self.all(p2, ${sameTarget} ? ${sectionOf('p1')} == ${sectionOf('p2')} : true))`, 'sectionName must be specified when targetRefs includes 2 or more references to the same target'),
          s.rule(`self.all(p1, self.exists_one(p2, ${sameTarget} && ((${sectionOf('p1')} && ${sectionOf('p2')}) || (has(p1.sectionName) && has(p2.sectionName) && p1.sectionName == p2.sectionName))))`, 'sectionName must be unique when targetRefs includes 2 or more references to the same target'),
        ],
      }),
      validation: s.object(
        {
          caCertificateRefs: s.list(s.object({ group: s.groupName(), kind: s.kind(), name: s.objectName }, ['group', 'kind', 'name']), 8, { 'x-kubernetes-list-type': 'atomic' }),
          wellKnownCACertificates: s.word(253, '^(System|([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]))$'),
          hostname: s.preciseHostname,
          subjectAltNames: s.list(
            s.object({ type: s.oneOf(['Hostname', 'URI']), hostname: s.hostname, uri: s.word(253, '^(([^:/?#]+):)(//([^/?#]*))([^?#]*)(\\?([^#]*))?(#(.*))?') }, ['type'], {
              'x-kubernetes-validations': [...belongsTo('Hostname', 'hostname'), ...belongsTo('URI', 'uri')],
            }),
            5,
            { 'x-kubernetes-list-type': 'atomic' },
          ),
        },
        ['hostname'],
        {
          'x-kubernetes-validations': [
            s.rule(`!(has(self.caCertificateRefs) && size(self.caCertificateRefs) > 0 && ${isSet('wellKnownCACertificates')})`, 'must not contain both CACertificateRefs and WellKnownCACertificates'),
            s.rule(`(has(self.caCertificateRefs) && size(self.caCertificateRefs) > 0 || ${isSet('wellKnownCACertificates')})`, 'must specify either CACertificateRefs or WellKnownCACertificates'),
          ],
        },
      ),
      options: { ...annotationsOf, maxProperties: 16 },
    },
    ['targetRefs', 'validation'],
  ),
  status: s.object(
    { ancestors: s.list(s.object({ ancestorRef: parentRef, controllerName: s.word(253), conditions: s.conditions }, ['ancestorRef', 'conditions', 'controllerName']), 16, { 'x-kubernetes-list-type': 'atomic' }) },
    ['ancestors'],
  ),
});

/** Written when a cluster has none of that name. */
export const definitions: CustomResourceDefinition[] = [gatewayClass, gateway, httpRoute, grpcRoute, tlsRoute, referenceGrant, backendTlsPolicy];
