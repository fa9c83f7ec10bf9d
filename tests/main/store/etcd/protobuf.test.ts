import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Keyspace } from '../../../../main/store/etcd/keyspace.ts';
import { txnResponse, watchResponse } from '../../../../main/store/etcd/messages.ts';
import { fieldsOf, ProtoWriter } from '../../../../main/store/etcd/protobuf.ts';
import { bytesOf, textOf } from '../../../../main/store/etcd/text.ts';

const read = (writer: ProtoWriter) => [...fieldsOf(writer.bytes)];

describe('messages of protobuf', () => {
  it('any number and any text comes back', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.string({ unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)) }), (number, text) => {
        const writer = new ProtoWriter();
        writer.varint(1, number);
        writer.texts(2, text);
        writer.message(16, (inner) => inner.texts(3, text, '\n', text));
        const [first, second, third] = read(writer);
        expect(first).toMatchObject({ field: 1, number });
        expect(textOf(second!.bytes)).toBe(text);
        expect(third!.field).toBe(16);
        const [inner] = fieldsOf(third!.bytes);
        // Halves of a pair that meet are read as the pair that they are.
        expect(textOf(inner!.bytes)).toBe(`${text}\n${text}`);
      }),
    );
  });

  it('a text takes the bytes of UTF-8', () => {
    for (const text of ['', 'plain', 'ä', '日本', '🚢']) expect(bytesOf(text)).toEqual(Buffer.from(text, 'utf8'));
    expect(bytesOf('a\ud800b')).toEqual(Buffer.from([0x61, 0xed, 0xa0, 0x80, 0x62]));
    expect(textOf(Buffer.from('\ufffd', 'utf8'))).toBe('\ufffd');
  });

  it('one that is cut off, or of a type that nobody knows, is refused', () => {
    const writer = new ProtoWriter();
    writer.texts(1, 'cut off');
    expect(() => [...fieldsOf(writer.bytes.subarray(0, 9))]).toThrow('a message ends within a field');
    expect(() => [...fieldsOf(Buffer.from([0x80]))]).toThrow('a message ends within a field');
    expect(() => [...fieldsOf(Buffer.from([0x0b]))]).toThrow('unknown wire type 3');
  });

  it('fields that are not known are passed over', () => {
    const fixed = Buffer.from([...[0x79, 1, 2, 3, 4, 5, 6, 7, 8], ...[0x7d, 1, 2, 3, 4], ...[0x10, 1]]);
    expect(txnResponse(fixed)).toMatchObject({ succeeded: true, range: undefined });
    expect(watchResponse(Buffer.alloc(0))).toMatchObject({ created: false, canceled: false, events: [] });
  });
});

describe('the keys in etcd', () => {
  it('stand behind the prefix, and nobody else does', () => {
    const keys = new Keyspace('/skiff');
    const [from, to] = [keys.range.key, keys.range.end!];
    const isInside = (text: string) => Buffer.compare(from, Buffer.from(text)) <= 0 && Buffer.compare(Buffer.from(text), to) < 0;
    expect(keys.bytesOf('/registry/pods/ä').toString()).toBe('/skiff/registry/pods/ä');
    expect(keys.textOf(keys.bytesOf('/registry/pods/ä'))).toBe('/registry/pods/ä');
    expect(isInside('/skiff/registry/pods/a')).toBe(true);
    expect(isInside('/skiff2/registry')).toBe(false);
    expect(isInside('/skiff')).toBe(false);
    expect(keys.isJournal(Buffer.from('/skiff/journal'))).toBe(true);
  });
});
