export default {
  one: 'Delete {kind} {name}?',
  many: 'Delete {count} objects of kind {kind}?',
  forGood: 'This cannot be undone.',
  allForGood: 'These are deleted, with everything they own. This cannot be undone.',
  dependents: 'These go along:',
  contents: 'Everything in this namespace goes along, such as:',
  users: 'These use it and stay:',
  force: 'At once, without time to shut down (grace period 0)',
  doneOne: '{name} is being deleted',
  doneMany: '{count} objects are being deleted',
};
