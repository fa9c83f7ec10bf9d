// What the benchmarks create: a pod of about 2 KB that no node takes, and a ConfigMap of about 1 KB.
export const pod = (namespace, i) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: `p-${i}`, namespace, labels: { app: 'bench', shard: String(i % 10) }, annotations: { note: 'x'.repeat(200) } },
  spec: {
    terminationGracePeriodSeconds: 0,
    nodeSelector: { 'bench/none': 'true' },
    automountServiceAccountToken: false,
    containers: [
      {
        name: 'main',
        image: 'nginx:1.27',
        ports: [{ name: 'http', containerPort: 80 }],
        env: Array.from({ length: 10 }, (_, k) => ({ name: `VAR_${k}`, value: `value-${k}` })),
        resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '64Mi' } },
        readinessProbe: { httpGet: { path: '/', port: 80 } },
        volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
      },
    ],
    volumes: [{ name: 'tmp', emptyDir: {} }],
  },
});

export const configMap = (namespace, i) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: `c-${i}`, namespace },
  data: { 'app.properties': 'k=v\n'.repeat(250) },
});
