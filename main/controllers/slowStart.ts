/**
 * Calls `fn` `count` times, in batches of 1, 2, 4 …: what fails every time is noticed by the first call and not by the
 * hundredth. Stops after a batch with a failure. Mirrors slowStartBatch of pkg/controller/replicaset/replica_set.go.
 */
export async function slowStartBatch(
  count: number,
  fn: () => Promise<unknown>,
): Promise<{ successes: number; error: Error | undefined }> {
  let successes = 0;
  let remaining = count;
  for (let size = Math.min(remaining, 1); size > 0; size = Math.min(2 * size, remaining)) {
    const results = await Promise.allSettled(Array.from({ length: size }, fn));
    const failed = results.find((result) => result.status === 'rejected');
    successes += results.filter((result) => result.status === 'fulfilled').length;
    if (failed) return { successes, error: failed.reason as Error };
    remaining -= size;
  }
  return { successes, error: undefined };
}
