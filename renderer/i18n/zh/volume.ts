export default { mode: '卷模式', source: '来源', requested: '请求', noClass: '""（不使用存储类：手动绑定）', users: '使用它的 Pod' };
