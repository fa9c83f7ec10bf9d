import { describe, expect, it } from 'vitest';
import { ansiSpans, plainText } from '../../../renderer/components/log/ansi.ts';
import { LineBuffer } from '../../../renderer/components/log/lineBuffer.ts';

describe('colours of a log line', () => {
  it('are kept as sixteen numbers', () => {
    expect(ansiSpans('\x1b[31mred\x1b[0m plain \x1b[1;92mbold\x1b[22;39m end')).toEqual([{ text: 'red', color: 1 }, { text: ' plain ' }, { text: 'bold', color: 10, bold: true }, { text: ' end' }]);
  });

  it.each([
    ['a title', '\x1b]0;owned\x07text'],
    ['the clipboard', '\x1b]52;c;ZXZpbA==\x1b\\text'],
    ['a link', '\x1b]8;;https://evil.example\x1b\\text\x1b]8;;\x1b\\'],
    ['a device control string', '\x1bP$q"p\x1b\\text'],
    ['cursor movement', '\x1b[2J\x1b[10;10Htext\x1b[?25l'],
    ['control characters', '\x00te\x08xt\x7f'],
    ['C1 controls', '\x9b31mtext'],
    ['an unfinished title', 'text\x1b]0;never ends'],
  ])('%s has no effect', (_what, line) => {
    expect(plainText(line)).toBe('text');
    expect(ansiSpans(line).map(({ text }) => text).join('')).toBe('text');
  });

  it('markup stays text', () => {
    expect(ansiSpans('<script>alert(1)</script>')).toEqual([{ text: '<script>alert(1)</script>' }]);
  });
});

describe('the lines of a log', () => {
  const bytes = (text: string) => new TextEncoder().encode(text);

  it('come whole, though bytes come in pieces', () => {
    const buffer = new LineBuffer(10);
    const all = bytes('first 你好\nsecond\n');
    for (const byte of all) buffer.add(new Uint8Array([byte]));
    expect(buffer.lines.map(({ text }) => text)).toEqual(['first 你好', 'second']);
  });

  it('know their times', () => {
    const buffer = new LineBuffer(10);
    buffer.addText('2026-11-23T21:00:00.123456789Z hello\n2026-11-23T21:00:00Z \nno time\n');
    expect(buffer.lines.map(({ time, text }) => [time, text])).toEqual([['2026-11-23T21:00:00.123456789Z', 'hello'], ['2026-11-23T21:00:00Z', ''], ['', 'no time']]);
  });

  it('are the last so many, and the memory of the rest is given back', () => {
    const buffer = new LineBuffer(100);
    for (let i = 0; i < 1_000; i++) buffer.addText(`line ${i}\n`);
    expect(buffer.lines.length).toBeLessThanOrEqual(110);
    expect(buffer.lines.at(-1)?.text).toBe('line 999');
    expect(buffer.dropped + buffer.lines.length).toBe(1_000);
  });

  it('are never longer than there is room for', () => {
    const buffer = new LineBuffer(10);
    buffer.addText('x'.repeat(100_000));
    expect(buffer.lines[0]?.text.length).toBe(20_000);
  });

  it('include the last one without its newline, once nothing follows', () => {
    const buffer = new LineBuffer(10);
    buffer.addText('whole\nhalf');
    expect(buffer.lines).toHaveLength(1);
    buffer.end();
    expect(buffer.lines.at(-1)?.text).toBe('half');
  });
});

describe('what is not seen', () => {
  it('is written out, so that no line looks like another one', () => {
    expect(plainText('invoice\u202Efdp.exe\u200B')).toBe('invoice\\u202efdp.exe\\u200b');
    expect(ansiSpans('\x1b[31ma\u2066b')).toEqual([{ text: 'a\\u2066b', color: 1 }]);
    expect(plainText('\u{1F469}\u200D\u{1F680}')).toBe('\u{1F469}\u200D\u{1F680}');
  });
});
