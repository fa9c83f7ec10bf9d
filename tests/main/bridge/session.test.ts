import { describe, expect, it } from 'vitest';
import type { EndpointClient } from '../../../main/bridge/endpoint.ts';
import { BridgeSession, type ServerFrame } from '../../../main/bridge/session.ts';
import { settle } from '../../support/fakeClock.ts';

/** A session over an API server that answers every watch with one line, and what it was asked and has sent. */
function open() {
  const asked: [string, string][] = [];
  const sent: ServerFrame[] = [];
  const client = {
    stream(path: string, accept: string, _signal: AbortSignal, onOpen: () => void, onChunk: (chunk: Buffer) => void) {
      asked.push([path, accept]);
      onOpen();
      onChunk(Buffer.from('{"type":"ADDED"}\n'));
      return Promise.resolve();
    },
  } as Partial<EndpointClient> as EndpointClient;
  const session = new BridgeSession(() => client, { send: (frame) => sent.push(frame), sendBinary: () => undefined });
  return { session, asked, sent };
}

describe('the session of a window', () => {
  it('asks for objects as they are, or in the form that a watch accepts', async () => {
    const { session, asked, sent } = open();
    session.receive(JSON.stringify({ id: 1, type: 'watch', path: '/api/v1/pods?watch=1' }));
    session.receive(JSON.stringify({ id: 2, type: 'watch', path: '/api/v1/pods?watch=1', accept: 'application/json;as=PartialObjectMetadata' }));
    await settle();
    expect(asked.map(([, accept]) => accept)).toEqual(['application/json', 'application/json;as=PartialObjectMetadata']);
    expect(sent).toContainEqual({ id: 2, type: 'event', line: '{"type":"ADDED"}' });
  });

  it('ignores a frame that is not of its form', async () => {
    const { session, asked, sent } = open();
    for (const accept of [1, null, ['application/json']]) session.receive(JSON.stringify({ id: 1, type: 'watch', path: '/api/v1/pods', accept }));
    await settle();
    expect([asked, sent]).toEqual([[], []]);
  });
});
