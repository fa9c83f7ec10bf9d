export default {
  disconnected: 'Disconnected',
  starting: 'Starting',
  failed: 'Failed',
  failedHint: 'Mend the cause and start Skiff again. Nothing that was saved is lost.',
  messages: 'Messages',
};
