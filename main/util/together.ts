/** Waits until all have ended, well or not; then rejects as the first of them that has failed. */
export async function together(works: Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(works);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}
