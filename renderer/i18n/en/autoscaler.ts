export default {
  target: 'Scales',
  current: 'Replicas now',
  desired: 'Replicas wanted',
  range: 'From – to',
  lastScale: 'Last scaled',
  metrics: 'Metrics',
  metric: 'Metric',
  aim: 'Target',
  unknown: 'not measured',
  inactive: 'It does not scale anything at the moment:',
};
