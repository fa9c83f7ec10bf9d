export default {
  label: 'Terminal in {name}, container {container}',
  opening: 'Opening…',
  ended: 'The session has ended',
  again: 'Open again',
  noneRunning: 'No container of this pod is running',
};
