export default {
  name: '名称', namespace: '命名空间', age: '存续时间', labels: '标签', status: '状态', ready: '就绪', restarts: '重启次数', ip: 'IP', node: '节点',
  images: '镜像', upToDate: '已更新', available: '可用', desired: '期望', current: '当前', owner: '属主', type: '类型',
  clusterIP: '集群 IP', externalIP: '外部 IP', ports: '端口', selector: '选择算符', data: '数据', keys: '键', capacity: '容量',
  accessModes: '访问模式', reclaimPolicy: '回收策略', claim: '申领', storageClass: '存储类', volume: '卷', roles: '角色',
  version: '版本', internalIP: '内部 IP', cpu: 'CPU', memory: '内存', runtime: '容器运行时', lastSeen: '最近出现', reason: '原因',
  completions: '完成数', failed: '失败数', duration: '耗时', schedule: '调度时间', timeZone: '时区', active: '运行中', lastRun: '上次运行',
  lastSuccess: '上次成功', nextRun: '下次运行', in: '{time} 后',
  object: '对象', message: '消息', count: '次数', source: '来源',
};
