import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { createLog } from '../../main/logFile.ts';

test("a log is its owner's alone, and written when the call returns", () => {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'skiff-log-')), 'made', 'skiff.log');
  createLog(file).child('room').warn('a story', { of: 'three' });
  expect(JSON.parse(fs.readFileSync(file, 'utf8'))).toMatchObject({ level: 40, component: 'room', of: 'three', msg: 'a story' });
  expect(fs.statSync(file).mode & 0o777).toBe(0o600);
});

test.runIf(fs.existsSync('/dev/full'))('a full disk costs the lines and nothing else', () => {
  const log = createLog('/dev/full');
  expect(() => log.error('no room')).not.toThrow();
});
