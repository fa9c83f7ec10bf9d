export default {
  mode: 'Volume mode',
  source: 'Source',
  requested: 'Requested',
  noClass: '"" (no class: bound by hand)',
  users: 'Pods that use it',
  waitsWhy: 'It waits for its first pod, and that is as it should be: its storage class makes a volume only once the scheduler has chosen a node for a pod that uses the claim (WaitForFirstConsumer). Name the claim in the volumes of a pod or of a Deployment.',
  pendingWhy: 'No volume that is there fits it, and none is made for it. Check its storage class, its size and its access modes, and that the class has a provisioner that runs.',
  lostWhy: 'Its volume is gone, and what was in it.',
};
