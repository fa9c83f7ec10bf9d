import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeFrame, FrameParser, FrameType, type Frame } from '../../../main/node/protocol.ts';

const frame = fc.record({
  type: fc.constantFrom(...Object.values(FrameType)),
  id: fc.integer({ min: 0, max: 0xffff_ffff }),
  content: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
});

test('frames arrive as they were sent, whatever pieces they come in', () => {
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
      (frames, sizes) => {
        const bytes = Buffer.concat(frames.map(({ type, id, content }) => encodeFrame(type, id, content)));
        const received: Frame[] = [];
        const parser = new FrameParser((found) => received.push({ ...found, content: Buffer.from(found.content) }));
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = sizes[turn % sizes.length]!;
          parser.push(bytes.subarray(at, at + size));
          at += size;
        }
        expect(received).toEqual(frames);
      },
    ),
  );
});

test.each([
  ['text that a shell printed', Buffer.from('sh: mkfifo: not found\n')],
  ['an unknown type', encodeFrame(77 as FrameType, 1)],
])('%s is no frame', (_, bytes) => {
  expect(() => new FrameParser(() => {}).push(bytes)).toThrow('does not speak its protocol');
});
