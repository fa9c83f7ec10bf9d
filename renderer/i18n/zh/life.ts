export default {
  title: '它是如何产生的',
  made: '写入了 {kind} {name}',
  owned: '按照 {owner} 的要求创建了 {kind} {name}',
  scheduled: '选择了节点 {node}',
  sandbox: '建立了 Pod 的网络和命名空间',
  pulled: '{message}',
  initialized: '所有 Init 容器都已结束',
  started: '启动了容器 {name}',
  ended: '容器 {name} 已结束，退出码 {code}',
  ready: '报告 Pod 已就绪：服务从此开始向它转发请求',
  deleting: '请求删除该 Pod：正在要求其容器停止',
};
