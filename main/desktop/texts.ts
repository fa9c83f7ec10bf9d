/** The few words that the shell itself speaks; the window has its own. */
export interface Texts {
  open: string;
  quit: string;
  restart: string;
  starting: string;
  running: string;
  simulated: string;
  failed: string;
  copyKubeconfig: string;
  openManifests: string;
  file: string;
  edit: string;
  view: string;
  help: string;
  documentation: string;
  manifests: string;
  podFailed: (pod: string) => string;
  more: (count: number) => string;
}

const english: Texts = {
  open: 'Open Skiff',
  quit: 'Quit Skiff',
  restart: 'Restart the control plane',
  starting: 'Cluster is starting',
  running: 'Cluster is running',
  simulated: 'Cluster is running on simulated nodes',
  failed: 'Cluster has failed',
  copyKubeconfig: 'Copy the path of the kubeconfig',
  openManifests: 'Open Manifests…',
  file: 'File',
  edit: 'Edit',
  view: 'View',
  help: 'Help',
  documentation: 'Kubernetes Documentation',
  manifests: 'Kubernetes manifests',
  podFailed: (pod) => `Pod ${pod} has failed`,
  more: (count) => `and ${count} more pods`,
};

const chinese: Texts = {
  open: '打开 Skiff',
  quit: '退出 Skiff',
  restart: '重启控制平面',
  starting: '集群正在启动',
  running: '集群正在运行',
  simulated: '集群正在模拟节点上运行',
  failed: '集群出现故障',
  copyKubeconfig: '复制 kubeconfig 路径',
  openManifests: '打开清单…',
  file: '文件',
  edit: '编辑',
  view: '显示',
  help: '帮助',
  documentation: 'Kubernetes 文档',
  manifests: 'Kubernetes 清单',
  podFailed: (pod) => `Pod ${pod} 出现故障`,
  more: (count) => `以及另外 ${count} 个 Pod`,
};

/** Texts for a BCP 47 tag; English where there is no other. */
export function textsFor(locale: string): Texts {
  return locale.toLowerCase().startsWith('zh') ? chinese : english;
}
