import { evictionHard } from '../eviction/evictionManager.ts';
import type { KubeletContext } from '../context.ts';

/** `/configz`: how this kubelet works, in the words of upstream's KubeletConfiguration. */
export function configz({ dns, machine }: KubeletContext): object {
  return {
    kubeletconfig: {
      kind: 'KubeletConfiguration',
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      fileCheckFrequency: '20s',
      syncFrequency: '1m0s',
      nodeStatusReportFrequency: '5m0s',
      nodeLeaseDurationSeconds: 40,
      clusterDomain: dns.clusterDomain,
      clusterDNS: dns.clusterDNS,
      maxPods: 110,
      cgroupDriver: machine.cgroupDriver,
      cpuCFSQuota: true,
      cpuManagerPolicy: 'none',
      memoryManagerPolicy: 'None',
      topologyManagerPolicy: 'none',
      seccompDefault: true,
      serializeImagePulls: false,
      containerLogMaxSize: '10Mi',
      containerLogMaxFiles: 5,
      nodeStatusMaxImages: 50,
      imageMinimumGCAge: '2m0s',
      evictionHard,
      evictionPressureTransitionPeriod: '5m0s',
      failSwapOn: false,
      enableDebuggingHandlers: true,
      crashLoopBackOff: { maxContainerRestartPeriod: '5m0s' },
    },
  };
}
