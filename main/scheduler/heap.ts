/** A binary heap that finds its items by key. */
export class Heap<T> {
  readonly #items: T[] = [];
  readonly #places = new Map<string, number>();

  constructor(
    private readonly keyOf: (item: T) => string,
    private readonly less: (a: T, b: T) => boolean,
  ) {}

  get size(): number {
    return this.#items.length;
  }

  get(key: string): T | undefined {
    const place = this.#places.get(key);
    return place === undefined ? undefined : this.#items[place];
  }

  peek(): T | undefined {
    return this.#items[0];
  }

  values(): readonly T[] {
    return this.#items;
  }

  /** Adds the item, or puts it in the place of the one with its key. */
  set(item: T): void {
    const key = this.keyOf(item);
    const place = this.#places.get(key) ?? this.#items.length;
    this.#items[place] = item;
    this.#places.set(key, place);
    this.#settle(place);
  }

  pop(): T | undefined {
    const first = this.#items[0];
    if (first !== undefined) this.delete(this.keyOf(first));
    return first;
  }

  delete(key: string): T | undefined {
    const place = this.#places.get(key);
    if (place === undefined) return undefined;
    const item = this.#items[place]!;
    const last = this.#items.pop()!;
    this.#places.delete(key);
    if (last !== item) {
      this.#items[place] = last;
      this.#places.set(this.keyOf(last), place);
      this.#settle(place);
    }
    return item;
  }

  #settle(start: number): void {
    let place = start;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!this.less(this.#items[place]!, this.#items[parent]!)) break;
      this.#swap(place, parent);
      place = parent;
    }
    for (;;) {
      let least = place;
      for (const child of [2 * place + 1, 2 * place + 2]) {
        if (child < this.#items.length && this.less(this.#items[child]!, this.#items[least]!)) least = child;
      }
      if (least === place) return;
      this.#swap(place, least);
      place = least;
    }
  }

  #swap(a: number, b: number): void {
    const items = this.#items;
    [items[a], items[b]] = [items[b]!, items[a]!];
    this.#places.set(this.keyOf(items[a]!), a);
    this.#places.set(this.keyOf(items[b]!), b);
  }
}
