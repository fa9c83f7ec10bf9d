import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseYaml } from '../../../../main/api/yaml.ts';
import { readSchedulerConfiguration } from '../../../../main/scheduler/index.ts';
import { keyPair } from '../../../support/keyPair.ts';

const read = (text: string) => readSchedulerConfiguration(parseYaml(`apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n${text}`));

describe('what a configuration says of extenders', () => {
  it('is by default that there are none', () => expect(read('').extenders).toEqual([]));

  it('one that is only named is asked nothing, and has five seconds for it', () =>
    expect(read('extenders: [{ urlPrefix: "http://localhost:1" }]').extenders).toEqual([
      {
        urlPrefix: 'http://localhost:1',
        filterVerb: '',
        preemptVerb: '',
        prioritizeVerb: '',
        bindVerb: '',
        weight: 0,
        httpTimeout: 5000,
        nodeCacheCapable: false,
        managedResources: [],
        ignorable: false,
        tls: { rejectUnauthorized: true },
      },
    ]));

  it('all of it is read', () =>
    expect(
      read(`
extenders:
- urlPrefix: https://gpu.example.com/scheduler
  filterVerb: filter
  preemptVerb: preempt
  prioritizeVerb: prioritize
  weight: 4
  bindVerb: bind
  enableHTTPS: true
  httpTimeout: 1m1.5s
  nodeCacheCapable: true
  ignorable: true
  managedResources: [{ name: example.com/gpu, ignoredByScheduler: true }, { name: example.com/fpga }]`).extenders,
    ).toEqual([
      {
        urlPrefix: 'https://gpu.example.com/scheduler',
        filterVerb: 'filter',
        preemptVerb: 'preempt',
        prioritizeVerb: 'prioritize',
        bindVerb: 'bind',
        weight: 4,
        httpTimeout: 61_500,
        nodeCacheCapable: true,
        managedResources: [
          { name: 'example.com/gpu', ignoredByScheduler: true },
          { name: 'example.com/fpga', ignoredByScheduler: false },
        ],
        ignorable: true,
        tls: { rejectUnauthorized: false },
      },
    ]));

  it('resources that extenders look after alone no profile looks at, whatever else it says', () => {
    const { profiles } = read(`
profiles: [{}, { schedulerName: other, pluginConfig: [{ name: NodeResourcesFit, args: { ignoredResources: [example.com/mine] } }] }]
extenders: [{ urlPrefix: "http://x", managedResources: [{ name: example.com/gpu, ignoredByScheduler: true }, { name: example.com/fpga }] }]`);
    expect(profiles.map(({ args }) => args.NodeResourcesFit.ignoredResources)).toEqual([['example.com/gpu'], ['example.com/gpu']]);
  });

  it.each([
    ['extenders: {}', 'extenders: must be a list'],
    ['extenders: [{}]', 'extenders[0].urlPrefix: Invalid value: "": must be a URL of http or https'],
    ['extenders: [{ urlPrefix: "localhost:1" }]', 'extenders[0].urlPrefix: Invalid value: "localhost:1": must be a URL of http or https'],
    ['extenders: [{ urlPrefix: "http://x", verb: filter }]', 'unknown field "extenders[0].verb"'],
    ['extenders: [{ urlPrefix: "http://x", filterVerb: 7 }]', 'extenders[0].filterVerb: must be a string'],
    ['extenders: [{ urlPrefix: "http://x", ignorable: "yes" }]', 'extenders[0].ignorable: must be true or false'],
    ['extenders: [{ urlPrefix: "http://x", prioritizeVerb: p }]', 'extenders[0].weight: Invalid value: 0: must have a positive weight applied to it'],
    ['extenders: [{ urlPrefix: "http://x", prioritizeVerb: p, weight: -1 }]', 'extenders[0].weight: Invalid value: -1: must have a positive weight applied to it'],
    ['extenders: [{ urlPrefix: "http://x", httpTimeout: 5 }]', 'extenders[0].httpTimeout: Invalid value: 5: must be a duration such as 1m30s'],
    ['extenders: [{ urlPrefix: "http://x", httpTimeout: -5s }]', 'extenders[0].httpTimeout: Invalid value: must be zero or positive'],
    ['extenders: [{ urlPrefix: "http://x", bindVerb: b }, { urlPrefix: "http://y", bindVerb: b }]', 'extenders: Invalid value: "found 2 extenders implementing bind": only one extender can implement bind'],
    ['extenders: [{ urlPrefix: "http://x", managedResources: [{ name: example.com/-gpu- }] }]', 'extenders[0].managedResources[0].name: Invalid value: "example.com/-gpu-": name part must consist of alphanumeric'],
    ['extenders: [{ urlPrefix: "http://x", managedResources: [{ name: cpu }] }]', 'extenders[0].managedResources[0].name: Invalid value: "cpu": is an invalid extended resource name'],
    [
      'extenders: [{ urlPrefix: "http://x", managedResources: [{ name: example.com/gpu }] }, { urlPrefix: "http://y", managedResources: [{ name: example.com/gpu }] }]',
      'extenders[1].managedResources[0].name: Invalid value: "example.com/gpu": duplicate extender managed resource name',
    ],
    ['extenders: [{ urlPrefix: "https://x", tlsConfig: { caData: "%%%" } }]', 'extenders[0].tlsConfig.caData: must be base64'],
    ['extenders: [{ urlPrefix: "https://x", tlsConfig: { caFile: /there/is/none } }]', "extenders[0].tlsConfig.caFile: ENOENT: no such file or directory, open '/there/is/none'"],
    ['extenders: [{ urlPrefix: "https://x", tlsConfig: { certData: aGVsbG8=, keyData: aGVsbG8= } }]', 'extenders[0].tlsConfig: '],
  ])('%s is refused', (text, message) => expect(() => read(text)).toThrow(message));
});

describe('whom an extender is believed to be', () => {
  const { certificate, key } = keyPair('extender');
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  let directory: string;
  let file: string;

  beforeAll(() => {
    directory = mkdtempSync(path.join(os.tmpdir(), 'skiff-extender-'));
    file = path.join(directory, 'ca.crt');
    writeFileSync(file, certificate);
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  const tlsOf = (config: object, more: object = {}) => {
    const [extender] = read(`extenders: [${JSON.stringify({ urlPrefix: 'https://x', tlsConfig: config, ...more })}]`).extenders;
    const { ca, cert, key: secret, ...rest } = extender!.tls;
    return { ...rest, ...Object.fromEntries(Object.entries({ ca, cert, key: secret }).flatMap(([name, pem]) => (pem ? [[name, (pem as Buffer).toString()]] : []))) };
  };

  it('with https and no authority anybody is, with an authority those that it has signed', () => {
    expect(tlsOf({}, { enableHTTPS: true })).toEqual({ rejectUnauthorized: false });
    expect(tlsOf({ insecure: true })).toEqual({ rejectUnauthorized: false });
    expect(tlsOf({ caFile: file }, { enableHTTPS: true })).toEqual({ ca: certificate, rejectUnauthorized: true });
    expect(tlsOf({ caData: base64(certificate), caFile: '/there/is/none', serverName: 'extender' })).toEqual({ ca: certificate, servername: 'extender', rejectUnauthorized: true });
  });

  it('a certificate of the scheduler is shown with its key only', () => {
    expect(tlsOf({ certData: base64(certificate), keyData: base64(key) })).toEqual({ cert: certificate, key, rejectUnauthorized: true });
    expect(tlsOf({ certFile: file })).toEqual({ rejectUnauthorized: true });
  });

  it('nobody in particular, by an authority, is refused', () =>
    expect(() => tlsOf({ insecure: true, caFile: file })).toThrow('extenders[0].tlsConfig: specifying a root certificates file with the insecure flag is not allowed'));
});
