// kube-aggregator is in no Debian package: its few types are written down here by hand, in the form of facts.json.
export const aggregator = {
  APIService: {
    kind: true,
    fields: {
      metadata: [1, 'meta/v1.ObjectMeta', 'e'],
      spec: [2, 'APIServiceSpec', 'e'],
      status: [3, 'APIServiceStatus', 'e'],
    },
  },
  APIServiceCondition: {
    fields: {
      type: [1, 'APIServiceConditionType', 'r'],
      status: [2, 'ConditionStatus', 'r'],
      lastTransitionTime: [3, 'Time', 'e'],
      reason: [4, 'string', 'e'],
      message: [5, 'string', 'e'],
    },
  },
  APIServiceConditionType: { base: 'string' },
  APIServiceList: {
    kind: true,
    fields: { metadata: [1, 'meta/v1.ListMeta', 'e'], items: [2, '[]APIService', 'r'] },
  },
  APIServiceSpec: {
    fields: {
      service: [1, '*ServiceReference', 'e'],
      group: [2, 'string', 'e'],
      version: [3, 'string', 'e'],
      insecureSkipTLSVerify: [4, 'bool', 'e'],
      caBundle: [5, 'bytes', 'e', { listType: 'atomic' }],
      groupPriorityMinimum: [7, 'int32', 'r'],
      versionPriority: [8, 'int32', 'r'],
    },
  },
  APIServiceStatus: {
    fields: {
      conditions: [
        1,
        '[]APIServiceCondition',
        'e',
        { patchStrategy: 'merge', patchMergeKey: 'type', listType: 'map', listMapKeys: ['type'] },
      ],
    },
  },
  ConditionStatus: { base: 'string' },
  ServiceReference: {
    fields: { namespace: [1, 'string', 'e'], name: [2, 'string', 'e'], port: [3, '*int32', 'e'] },
  },
};
