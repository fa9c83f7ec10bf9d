export default { appearance: '外观', about: '关于', platform: '平台' };
