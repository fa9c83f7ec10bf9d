export default { show: 'Show', hide: 'Hide', copyHidden: 'Copy the value of {key} without showing it', bytes: '{count} bytes, no text', none: 'It holds no data', immutable: 'Immutable', yes: 'yes' };
