export default { mode: 'Volume mode', source: 'Source', requested: 'Requested', noClass: '"" (no class: bound by hand)', users: 'Pods that use it' };
