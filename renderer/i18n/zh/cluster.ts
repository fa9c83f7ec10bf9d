export default {
  disconnected: '已断开',
  noNode: '没有就绪的节点',
  fault: '没有就绪的节点，因此没有 Pod 得到管理（{message}）。如果容器引擎已停止，请重新启动它：一切都会自动恢复。',
  starting: '正在启动',
  failed: '失败',
  failedHint: '请排除原因后重新启动 Skiff。已保存的内容不会丢失。',
  messages: '消息',
};
