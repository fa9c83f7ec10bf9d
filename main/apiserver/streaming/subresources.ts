/** What discovery says about the subresources that are streams rather than objects. */
export interface StreamSubresource {
  group: string;
  resource: string;
  subresource: string;
  kind: string;
  verbs: string[];
}

const pod = (subresource: string, kind: string, verbs: string[]): StreamSubresource => ({ group: '', resource: 'pods', subresource, kind, verbs });

const proxyVerbs = ['create', 'delete', 'get', 'patch', 'update'];

export const streamSubresources: readonly StreamSubresource[] = [
  pod('log', 'Pod', ['get']),
  pod('exec', 'PodExecOptions', ['create', 'get']),
  pod('attach', 'PodAttachOptions', ['create', 'get']),
  pod('portforward', 'PodPortForwardOptions', ['create', 'get']),
  pod('proxy', 'PodProxyOptions', proxyVerbs),
  { group: '', resource: 'services', subresource: 'proxy', kind: 'ServiceProxyOptions', verbs: proxyVerbs },
  { group: '', resource: 'nodes', subresource: 'proxy', kind: 'NodeProxyOptions', verbs: proxyVerbs },
];
