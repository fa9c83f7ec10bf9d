export default {
  previous: 'Previous run',
  search: 'Search in the log',
  found: '{position} of {count}',
  up: 'Match before',
  down: 'Next match',
  follow: 'Follow the end',
  wrap: 'Wrap long lines',
  times: 'Show times',
  download: 'Download',
  empty: 'The log is empty',
  waiting: 'Nothing logged yet',
  ended: 'The log has ended',
};
