export default {
  dns: '集群内名称',
  affinity: '会话亲和性',
  port: '端口',
  target: '目标端口',
  endpoints: '端点',
  address: '地址',
  noEndpoints: '没有 Pod 为此服务应答：没有带标签 {selector} 的 Pod。',
  noSelector: '此服务没有选择算符，其端点由其他程序创建。',
  open: '在本机访问',
};
