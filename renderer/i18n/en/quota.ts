export default {
  title: 'What is used of what is allowed',
  used: 'Used',
  hard: 'Allowed',
  share: 'Share that is used',
  full: 'Used up: {resources}. What would need more is refused when it is created; the events of the Deployment, StatefulSet, DaemonSet or Job that wanted it say so.',
};
