import { describe, expect, test } from 'vitest';
import { createIpcBridge } from '../../preload/ipcBridge.ts';
import { FrameClient, type Frame } from '../../preload/frames.ts';

describe('watches and streams over one channel of frames', () => {
  function client() {
    const sent: Frame[] = [];
    const frames = new FrameClient((frame) => sent.push(frame));
    const texts = () => sent.filter((f): f is string => typeof f === 'string').map((f) => JSON.parse(f) as Record<string, unknown>);
    return { frames, sent, texts };
  }

  test('a watch gets its own lines, in order, and nothing after it was cancelled', () => {
    const { frames, texts } = client();
    const lines: string[] = [];
    const other: string[] = [];
    const watch = frames.watch('/api/v1/pods?watch=1', (line) => lines.push(line), () => {});
    frames.watch('/api/v1/nodes?watch=1', (line) => other.push(line), () => {}, 'application/json;as=PartialObjectMetadata');
    expect(texts().map(({ accept }) => accept)).toEqual([undefined, 'application/json;as=PartialObjectMetadata']);
    frames.receive('{"id":1,"type":"event","line":"a"}');
    frames.receive('{"id":2,"type":"event","line":"n"}');
    frames.receive('{"id":1,"type":"event","line":"b"}');
    watch.cancel();
    frames.receive('{"id":1,"type":"event","line":"c"}');
    expect([lines, other]).toEqual([['a', 'b'], ['n']]);
    expect(texts().at(-1)).toEqual({ id: 1, type: 'cancel' });
  });

  test('a stream carries bytes both ways on its channels', () => {
    const { frames, sent, texts } = client();
    const got: [number, string][] = [];
    let closed: string | undefined = 'open';
    const stream = frames.stream('/api/v1/namespaces/d/pods/p/exec', {
      onData: (channel, data) => got.push([channel, new TextDecoder().decode(data)]),
      onClose: (error) => (closed = error),
    });
    stream.send(0, new TextEncoder().encode('ls\n'));
    expect([...(sent.at(-1) as Uint8Array)]).toEqual([0, 0, 0, 1, 0, 108, 115, 10]);
    stream.end(0);
    expect(texts().at(-1)).toEqual({ id: 1, type: 'endChannel', channel: 0 });
    frames.receive(Uint8Array.from([0, 0, 0, 1, 2, 111, 107]));
    frames.receive('{"id":1,"type":"end","error":"gone"}');
    frames.receive(Uint8Array.from([0, 0, 0, 1, 1, 33]));
    expect(got).toEqual([[2, 'ok']]);
    expect(closed).toBe('gone');
    const before = sent.length;
    stream.send(0, new Uint8Array(1));
    stream.close();
    expect(sent.length).toBe(before);
  });

  test('a lost channel ends all that was open', () => {
    const { frames } = client();
    const ends: (string | undefined)[] = [];
    frames.watch('/a', () => {}, (error) => ends.push(error));
    frames.stream('/b', { onData: () => {}, onClose: (error) => ends.push(error) });
    frames.lost('disconnected');
    expect(ends).toEqual(['disconnected', 'disconnected']);
  });
});

describe('the bridge over IPC', () => {
  test('exposes the contract and never an Electron object', async () => {
    const invoked: unknown[][] = [];
    const listeners = new Map<string, (event: never, ...args: never[]) => void>();
    const bridge = createIpcBridge({
      invoke: (channel: string, ...args: unknown[]) => {
        invoked.push([channel, ...args]);
        return Promise.resolve({ path: '/home/x/.kube/config' });
      },
      send: () => {},
      on(channel: string, listener: (event: never, ...args: never[]) => void) {
        listeners.set(channel, listener);
        return this as never;
      },
    });
    expect(await bridge.mergeKubeconfig('add')).toEqual({ path: '/home/x/.kube/config' });
    expect(invoked).toEqual([['skiff:kubeconfig', 'add']]);
    const events: unknown[][] = [];
    const stop = bridge.onEvent((...args) => events.push(args));
    listeners.get('skiff:event')!({ sender: 'electron' } as never, { type: 'navigate', path: '/x' } as never);
    stop();
    listeners.get('skiff:event')!({} as never, { type: 'navigate', path: '/y' } as never);
    expect(events).toEqual([[{ type: 'navigate', path: '/x' }]]);
  });
});
