import type { IParser } from '@xterm/xterm';

/** Title, icon, palette, links, directory, notification, colours, clipboard, marks, iTerm's files. */
const oscCommands = [0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 22, 50, 51, 52, 104, 105, 106, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 133, 633, 777, 1337];

/**
 * A terminal may draw, and nothing else: what comes from a container cannot set the title, reach the clipboard, make
 * links, or make the terminal type an answer of the program's choosing. The cursor's place (CSI 6 n) is still
 * reported, as line editors of small shells need it; its digits can do no harm.
 */
export function makeInert(parser: IParser): void {
  const swallow = () => true;
  for (const command of oscCommands) parser.registerOscHandler(command, swallow);
  // DECRQSS and the queries of terminfo answer with text.
  for (const intermediates of ['$', '+']) parser.registerDcsHandler({ intermediates, final: 'q' }, swallow);
  // Window operations: move, resize, report the title.
  parser.registerCsiHandler({ final: 't' }, swallow);
  // Device attributes, version and modes.
  for (const prefix of [undefined, '>', '='] as const) parser.registerCsiHandler({ ...(prefix ? { prefix } : {}), final: 'c' }, swallow);
  parser.registerCsiHandler({ prefix: '>', final: 'q' }, swallow);
  parser.registerCsiHandler({ intermediates: '$', final: 'p' }, swallow);
  parser.registerCsiHandler({ prefix: '?', intermediates: '$', final: 'p' }, swallow);
  parser.registerCsiHandler({ prefix: '?', final: 'n' }, swallow);
}
