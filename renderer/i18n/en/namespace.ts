export default {
  hangs: 'The namespace is being deleted, and this is still in the way:',
  look: 'Still there:',
  NamespaceContentRemaining: 'Objects are still there. Their own deletion has to end first.',
  NamespaceFinalizersRemaining: 'Finalizers keep objects until whoever set them has done its work and takes them away. Where that program is gone, remove the finalizer from the object’s YAML.',
  NamespaceDeletionDiscoveryFailure: 'Some kinds cannot be asked for: the server of an aggregated API does not answer. Repair it, or delete its APIService.',
  NamespaceDeletionContentFailure: 'Some objects could not be deleted. It is tried again.',
};
