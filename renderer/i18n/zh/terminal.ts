export default {
  label: '{name} 的容器 {container} 中的终端',
  opening: '正在打开…',
  ended: '会话已结束',
  again: '重新打开',
  noneRunning: '此 Pod 没有正在运行的容器',
};
