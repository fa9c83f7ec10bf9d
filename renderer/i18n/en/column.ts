export default {
  name: 'Name', namespace: 'Namespace', age: 'Age', labels: 'Labels', status: 'Status', ready: 'Ready', restarts: 'Restarts', ip: 'IP', node: 'Node',
  images: 'Images', upToDate: 'Up to date', available: 'Available', desired: 'Desired', current: 'Current', owner: 'Owner', type: 'Type',
  clusterIP: 'Cluster IP', externalIP: 'External IP', ports: 'Ports', selector: 'Selector', data: 'Data', keys: 'Keys', capacity: 'Capacity',
  accessModes: 'Access modes', reclaimPolicy: 'Reclaim policy', claim: 'Claim', storageClass: 'Storage class', volume: 'Volume', roles: 'Roles',
  version: 'Version', internalIP: 'Internal IP', cpu: 'CPU', memory: 'Memory', runtime: 'Runtime', lastSeen: 'Last seen', reason: 'Reason',
  completions: 'Completions', failed: 'Failed', duration: 'Duration', schedule: 'Schedule', timeZone: 'Time zone', active: 'Active', lastRun: 'Last run',
  lastSuccess: 'Last success', nextRun: 'Next run', in: 'in {time}',
  object: 'Object', message: 'Message', count: 'Count', source: 'Source',
};
