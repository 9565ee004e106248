/** A queue in order of time: the earliest comes out first. */
export class TimeQueue<T extends { readonly atMs: number }> {
  readonly #items: T[] = [];

  get next(): T | undefined {
    return this.#items[0];
  }

  push(item: T): void {
    const items = this.#items;
    let at = items.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = items[parent];
      if (above === undefined || above.atMs <= item.atMs) break;
      items[at] = above;
      at = parent;
    }
    items[at] = item;
  }

  pop(): T | undefined {
    const items = this.#items;
    const first = items[0];
    const last = items.pop();
    if (last === undefined || items.length === 0) return first;
    let at = 0;
    for (;;) {
      const [left, right] = [items[2 * at + 1], items[2 * at + 2]];
      const child = right !== undefined && left !== undefined && right.atMs < left.atMs ? right : left;
      if (child === undefined || child.atMs >= last.atMs) break;
      items[at] = child;
      at = child === right ? 2 * at + 2 : 2 * at + 1;
    }
    items[at] = last;
    return first;
  }
}
