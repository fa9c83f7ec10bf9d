export default {
  service: 'Headless Service',
  order: 'Pod management',
  nodes: 'Nodes',
  misplaced: 'On nodes where none should be',
  nodeSelector: 'Node selector',
  succeeded: 'Succeeded / wanted',
  failed: 'Failed / allowed',
  active: 'Running now',
  lastSchedule: 'Last scheduled',
  lastSuccess: 'Last success',
  concurrency: 'Concurrency',
};
