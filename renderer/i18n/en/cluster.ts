export default {
  disconnected: 'Disconnected',
  noNode: 'No node is ready',
  fault: 'No node is ready, so no pod is looked after ({message}). Where the container engine has been stopped, start it again: everything goes on by itself.',
  starting: 'Starting',
  failed: 'Failed',
  failedHint: 'Mend the cause and start Skiff again. Nothing that was saved is lost.',
  messages: 'Messages',
};
