export default {
  mode: 'Volume mode',
  source: 'Source',
  requested: 'Requested',
  noClass: '"" (no class: bound by hand)',
  users: 'Pods that use it',
  pendingWhy: 'No volume that is there fits it, and none is made for it. Check its storage class, its size and its access modes, and that the class has a provisioner that runs.',
  lostWhy: 'Its volume is gone, and what was in it.',
};
