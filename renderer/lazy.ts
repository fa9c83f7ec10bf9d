/** Milliseconds before a part of the window is asked for again. */
const pauses = [200, 800, 2_000];

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * A part of the window that is loaded when it is needed. A browser breaks off whatever is on its way when an interface of
 * the computer comes or goes, as those of containers do all the time: what did not come is asked for again.
 */
export const lazy =
  <T>(load: () => Promise<T>, pause: (ms: number) => Promise<void> = sleep): (() => Promise<T>) =>
  async () => {
    for (const ms of pauses) {
      try {
        return await load();
      } catch {
        await pause(ms);
      }
    }
    return load();
  };
