export default {
  title: '配额使用情况',
  used: '已用',
  hard: '上限',
  share: '已用比例',
  full: '已用尽：{resources}。需要更多配额的对象会在创建时被拒绝；相应的 Deployment、StatefulSet、DaemonSet 或 Job 的事件会说明原因。',
};
