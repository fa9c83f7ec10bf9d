export default {
  search: '搜索与命令',
  filter: '过滤列表',
  create: '创建 Deployment',
  help: '显示此帮助',
  move: '在列表中移动',
  open: '打开',
  select: '选择；按住 Shift 选择一段',
  delete: '删除（会先询问）',
  clear: '取消选择',
  go: '前往',
};
