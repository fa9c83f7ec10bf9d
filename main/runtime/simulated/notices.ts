import type { Container, LogLine } from '../index.ts';

/** The log of a simulated container, made when it is read: it costs nothing while nobody reads it. */
export function noticeLines(container: Container): LogLine[] {
  const lines: LogLine[] = [];
  if (container.startedAt !== undefined)
    lines.push(
      line(container.startedAt, `This container is simulated: ${container.image} does not run. It started at ${new Date(container.startedAt).toISOString()}.`),
    );
  if (container.finishedAt !== undefined) lines.push(line(container.finishedAt, `The simulated container ended with exit code ${container.exitCode}.`));
  return lines;
}

function line(ms: number, text: string): LogLine {
  return { stream: 'stdout', timestamp: new Date(ms).toISOString().replace('Z', '000000Z'), text: Buffer.from(`${text}\n`) };
}
