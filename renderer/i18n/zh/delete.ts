export default {
  one: '删除 {kind} {name}？',
  many: '删除 {count} 个 {kind} 对象？',
  forGood: '此操作无法撤销。',
  allForGood: '将删除以下对象及其拥有的一切。此操作无法撤销。',
  dependents: '以下对象将一并删除：',
  contents: '此命名空间中的一切将一并删除，例如：',
  users: '以下对象正在使用它，它们会保留：',
  force: '立即删除，不等待正常关闭（宽限期为 0）',
  doneOne: '正在删除 {name}',
  doneMany: '正在删除 {count} 个对象',
};
