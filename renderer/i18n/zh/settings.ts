export default {
  appearance: '外观',
  about: '关于',
  platform: '平台',
  explanations: '说明',
  explanationsHint: '在列表和概览中说明其内容是什么、为什么如此。',
};
