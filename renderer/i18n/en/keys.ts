export default {
  search: 'Search and commands',
  filter: 'Filter the list',
  create: 'Create a Deployment',
  help: 'This help',
  move: 'Move through a list',
  open: 'Open',
  select: 'Select, with Shift a range',
  delete: 'Delete, after a question',
  clear: 'Clear the selection',
  go: 'Go to',
};
