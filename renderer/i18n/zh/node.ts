export default { podCidr: 'Pod CIDR', taints: '污点', system: '系统', resources: '资源', resource: '资源', allocatable: '可分配' };
