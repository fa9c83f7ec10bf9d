export default {
  appearance: 'Appearance',
  about: 'About',
  platform: 'Platform',
  explanations: 'Explanations',
  explanationsHint: 'Lists and the overview say what their subject is and why it is so.',
};
