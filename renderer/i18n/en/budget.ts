export default {
  minAvailable: 'Least that stay available',
  maxUnavailable: 'Most that may be unavailable',
  healthy: 'Healthy now / needed',
  expected: 'Pods of the budget',
  allowed: 'Evictions allowed now',
  unhealthy: 'Eviction of unhealthy pods',
  nobody: 'No pod has the labels that the budget selects.',
  allows: 'Pods that may be evicted now: {count}.',
  refuses: 'No pod of the budget may be evicted now: {healthy} are healthy and {wanted} are needed. Draining a node waits here until more are.',
};
