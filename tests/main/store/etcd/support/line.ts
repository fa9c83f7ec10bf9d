import net from 'node:net';

/** The line between an engine and its etcd, which a test can disturb. */
export class Line {
  readonly #pairs = new Set<{ near: net.Socket; far: net.Socket }>();
  #mute = false;
  #down = false;
  #server!: net.Server;

  private constructor(private readonly to: URL) {}

  static async to(url: string): Promise<Line> {
    const line = new Line(new URL(url));
    await line.#listen();
    return line;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as net.AddressInfo).port}`;
  }

  #listen(): Promise<void> {
    this.#server = net.createServer((near) => {
      if (this.#down) return void near.destroy();
      const far = net.connect(Number(this.to.port), this.to.hostname);
      const pair = { near, far };
      this.#pairs.add(pair);
      const end = () => {
        this.#pairs.delete(pair);
        near.destroy();
        far.destroy();
      };
      for (const socket of [near, far]) socket.on('error', end).on('close', end);
      near.on('data', (chunk) => far.write(chunk));
      // What a mute line swallows is gone: the connection is of no use any more when it speaks again.
      far.on('data', (chunk) => (this.#mute ? undefined : near.write(chunk)));
    });
    return new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  /** Ends all connections; what was asked may have been done. */
  cut(): void {
    for (const { near, far } of [...this.#pairs]) {
      near.destroy();
      far.destroy();
    }
  }

  /** While it is mute, questions arrive and answers do not. */
  set mute(mute: boolean) {
    this.#mute = mute;
    if (!mute) this.cut();
  }

  /** While it is down, there are no connections. */
  set down(down: boolean) {
    this.#down = down;
    this.cut();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
