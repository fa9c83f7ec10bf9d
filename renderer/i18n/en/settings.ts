export default { appearance: 'Appearance', about: 'About', platform: 'Platform' };
