export default {
  about: 'Every write to an object gets the next revision of the store. Here is who wrote, what it changed, and how the object was then, as long as the store keeps it: about an hour. Controllers mostly write the status; what a user wants is in the spec.',
  made: 'Made',
  changed: 'Changed',
  deleted: 'Deleted',
  known: 'As the history begins',
  none: 'No write is kept any more.',
  withStatus: 'Show what changed nothing but the status',
  version: 'Revision {version}',
  restore: 'Restore this state',
  restoreText: 'What was wanted of {name} then takes the place of what is wanted now. The status follows as controllers act on it.',
  restored: '{name} was restored',
  secret: 'Values of Secrets are not shown here.',
};
