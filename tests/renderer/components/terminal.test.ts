import { Terminal } from '@xterm/xterm';
import { describe, expect, it } from 'vitest';
import { makeInert } from '../../../renderer/components/terminal/inert.ts';

async function feed(bytes: string) {
  const terminal = new Terminal({ cols: 40, rows: 4 });
  makeInert(terminal.parser);
  const typed: string[] = [];
  const titles: string[] = [];
  terminal.onData((data) => typed.push(data));
  terminal.onTitleChange((title) => titles.push(title));
  await new Promise<void>((resolve) => terminal.write(bytes, resolve));
  const text = terminal.buffer.active.getLine(0)?.translateToString(true) ?? '';
  terminal.dispose();
  return { typed, titles, text };
}

describe('a terminal in a container', () => {
  it.each([
    ['a title', '\x1b]0;owned\x07'],
    ['an icon', '\x1b]1;owned\x07'],
    ['the clipboard', '\x1b]52;c;ZXZpbA==\x07'],
    ['a palette query', '\x1b]4;1;?\x07'],
    ['a colour query', '\x1b]10;?\x07\x1b]11;?\x07'],
    ['a link', '\x1b]8;;https://evil.example\x07'],
    ['a title report', '\x1b[21t'],
    ['a size report', '\x1b[18t'],
    ['device attributes', '\x1b[c\x1b[>c'],
    ['a status string request', '\x1bP$qm\x1b\\'],
    ['a mode request', '\x1b[?2004$p'],
    ['a version request', '\x1b[>q'],
  ])('cannot use %s', async (_what, sequence) => {
    const { typed, titles, text } = await feed(`${sequence}ok`);
    expect(typed).toEqual([]);
    expect(titles).toEqual([]);
    expect(text).toBe('ok');
  });

  it('may ask where the cursor is, as line editors do', async () => {
    expect((await feed('ab\x1b[6n')).typed).toEqual(['\x1b[1;3R']);
  });
});
