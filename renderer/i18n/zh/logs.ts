export default {
  previous: '上一次运行',
  search: '在日志中搜索',
  found: '第 {position} 处，共 {count} 处',
  up: '上一处匹配',
  down: '下一处匹配',
  follow: '跟随末尾',
  wrap: '自动换行',
  times: '显示时间',
  download: '下载',
  empty: '日志为空',
  waiting: '还没有日志',
  ended: '日志已结束',
};
