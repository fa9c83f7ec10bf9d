export default {
  mode: '卷模式',
  source: '来源',
  requested: '请求',
  noClass: '""（不使用存储类：手动绑定）',
  users: '使用它的 Pod',
  waitsWhy: '它正在等待第一个使用它的 Pod，这是正常的：它的存储类要等调度器为使用此申领的 Pod 选定节点后才会创建卷（WaitForFirstConsumer）。请在 Pod 或 Deployment 的卷中引用此申领。',
  pendingWhy: '现有的卷都不符合它的要求，也没有为它创建新卷。请检查它的存储类、容量和访问模式，以及该存储类的制备器是否在运行。',
  lostWhy: '它的卷已不存在，其中的数据也已丢失。',
};
