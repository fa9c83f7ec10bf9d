/** What discovery says about the subresources that are streams rather than objects. */
export interface StreamSubresource {
  group: string;
  resource: string;
  subresource: string;
  kind: string;
  verbs: string[];
}

const pod = (subresource: string, kind: string, verbs: string[]): StreamSubresource => ({ group: '', resource: 'pods', subresource, kind, verbs });

export const streamSubresources: readonly StreamSubresource[] = [
  pod('log', 'Pod', ['get']),
  pod('exec', 'PodExecOptions', ['create', 'get']),
  pod('attach', 'PodAttachOptions', ['create', 'get']),
  pod('portforward', 'PodPortForwardOptions', ['create', 'get']),
  { group: '', resource: 'nodes', subresource: 'proxy', kind: 'NodeProxyOptions', verbs: ['get'] },
];
