export default {
  disconnected: '已断开',
  starting: '正在启动',
  failed: '失败',
  failedHint: '请排除原因后重新启动 Skiff。已保存的内容不会丢失。',
  messages: '消息',
};
