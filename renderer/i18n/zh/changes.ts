export default {
  about: '对对象的每次写入都会得到存储的下一个修订版本。这里显示由谁写入、更改了什么以及当时的对象，只要存储仍然保留（约一小时）。控制器大多只写入 status；用户的期望状态在 spec 中。',
  made: '创建',
  changed: '更改',
  deleted: '删除',
  known: '记录开始时的状态',
  none: '已没有保留的写入记录。',
  withStatus: '显示只更改了 status 的写入',
  version: '修订版本 {version}',
  restore: '恢复到此状态',
  restoreText: '{name} 当时的期望状态将取代现在的期望状态；随后控制器会据此更新 status。',
  restored: '{name} 已恢复',
  secret: '此处不显示 Secret 的值。',
};
