export default {
  hangs: '该命名空间正在删除，以下情况仍在阻碍：',
  look: '仍存在：',
  NamespaceContentRemaining: '其中仍有对象，必须先等它们自身删除完毕。',
  NamespaceFinalizersRemaining: '终结器（finalizer）会保留对象，直到设置它的程序完成工作并将其移除。如果该程序已不存在，请在对象的 YAML 中移除该终结器。',
  NamespaceDeletionDiscoveryFailure: '某些类型无法查询：聚合 API 的服务器没有响应。请修复它，或删除对应的 APIService。',
  NamespaceDeletionContentFailure: '某些对象未能删除，将会重试。',
};
