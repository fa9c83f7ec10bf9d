export default { podCidr: 'Pod CIDR', taints: 'Taints', system: 'System', resources: 'Resources', resource: 'Resource', allocatable: 'Allocatable' };
