import fs from 'node:fs/promises';
import path from 'node:path';
import type { DnsZone } from '../../dns/records.ts';
import type { PolicyModel } from '../../networkPolicy/model.ts';
import type { ProxyModel } from '../../proxy/model.ts';
import type { LocalServices } from '../connect.ts';

/** What the agent was told last: a restarted machine serves at once with it, before the engine comes back. */
export interface AgentState {
  local?: LocalServices;
  model?: ProxyModel;
  policies?: PolicyModel;
  zone?: DnsZone;
}

export class StateFile {
  #writing: Promise<void> = Promise.resolve();
  #waiting = false;

  constructor(
    private readonly file: string,
    readonly state: AgentState = {},
  ) {}

  /** An unreadable file counts as none: the engine tells everything again. */
  static async load(file: string): Promise<StateFile> {
    try {
      return new StateFile(file, JSON.parse(await fs.readFile(file, 'utf8')) as AgentState);
    } catch {
      return new StateFile(file);
    }
  }

  set(change: Partial<AgentState>): void {
    Object.assign(this.state, change);
    if (this.#waiting) return;
    this.#waiting = true;
    this.#writing = this.#writing
      .then(async () => {
        this.#waiting = false;
        await fs.mkdir(path.dirname(this.file), { recursive: true, mode: 0o700 });
        await fs.writeFile(`${this.file}.new`, JSON.stringify(this.state), { mode: 0o600 });
        await fs.rename(`${this.file}.new`, this.file);
      })
      .catch((error: unknown) => console.error('the state could not be written', error));
  }
}
