export default {
  target: '伸缩对象',
  current: '当前副本数',
  desired: '期望副本数',
  range: '副本数范围',
  lastScale: '上次伸缩',
  metrics: '指标',
  metric: '指标',
  aim: '目标值',
  unknown: '尚无数据',
  inactive: '目前没有进行任何伸缩：',
};
