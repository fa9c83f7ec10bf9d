export default {
  title: 'How it came to be',
  made: 'wrote {kind} {name}',
  owned: 'made {kind} {name}, as the {owner} wants it',
  scheduled: 'chose the node {node}',
  sandbox: 'set up the pod’s network and namespaces',
  pulled: '{message}',
  initialized: 'all init containers have ended',
  started: 'started the container {name}',
  ended: 'container {name} ended with exit code {code}',
  ready: 'reported the pod ready: Services send requests to it from now on',
  deleting: 'the pod is to be deleted: its containers are asked to stop',
};
