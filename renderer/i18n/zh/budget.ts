export default {
  minAvailable: '最少保持可用',
  maxUnavailable: '最多允许不可用',
  healthy: '当前健康 / 需要',
  expected: '预算涵盖的 Pod 数',
  allowed: '当前允许驱逐数',
  unhealthy: '不健康 Pod 的驱逐策略',
  nobody: '没有 Pod 带有此预算所选择的标签。',
  allows: '现在可以驱逐的 Pod 数：{count}。',
  refuses: '现在不允许驱逐此预算中的任何 Pod：健康的有 {healthy} 个，而需要 {wanted} 个。在更多 Pod 变为健康之前，节点的排空会停在这里。',
};
