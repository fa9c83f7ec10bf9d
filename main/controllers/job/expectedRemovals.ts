/**
 * Finalizers that a controller has taken off and whose pods its cache still shows with them: until it does not, they
 * would be counted again. Mirrors pkg/controller/job/tracking_utils.go.
 */
export class ExpectedRemovals {
  readonly #uids = new Map<string, Set<string>>();

  expect(key: string, uids: string[]): void {
    const expected = this.#uids.get(key) ?? new Set();
    for (const uid of uids) expected.add(uid);
    this.#uids.set(key, expected);
  }

  observed(key: string, uid: string): void {
    const expected = this.#uids.get(key);
    expected?.delete(uid);
    if (expected?.size === 0) this.#uids.delete(key);
  }

  /** A copy: what is expected now. */
  of(key: string): ReadonlySet<string> {
    return new Set(this.#uids.get(key));
  }

  forget(key: string): void {
    this.#uids.delete(key);
  }
}
