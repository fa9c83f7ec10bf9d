export default {
  service: '无头 Service',
  order: 'Pod 管理策略',
  nodes: '节点数',
  misplaced: '不应运行却在运行的节点数',
  nodeSelector: '节点选择算符',
  succeeded: '成功 / 需要',
  failed: '失败 / 允许',
  active: '正在运行',
  lastSchedule: '上次调度时间',
  lastSuccess: '上次成功时间',
  concurrency: '并发策略',
};
