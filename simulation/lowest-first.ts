/**
 * A set of numbers whose lowest is at hand: a binary heap, with removals left for later.
 */

export class LowestFirst {
  private readonly heap: number[] = [];
  private readonly present = new Set<number>();

  get size(): number {
    return this.present.size;
  }

  clear(): void {
    this.heap.length = 0;
    this.present.clear();
  }

  add(value: number): void {
    if (this.present.has(value)) return;
    this.present.add(value);
    const { heap } = this;
    let at = heap.length;
    heap.push(value);
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if ((heap[parent] ?? 0) <= value) break;
      heap[at] = heap[parent] ?? 0;
      at = parent;
    }
    heap[at] = value;
  }

  delete(value: number): void {
    this.present.delete(value);
  }

  /** Undefined when there is none. */
  lowest(): number | undefined {
    for (;;) {
      const first = this.heap[0];
      if (first === undefined || this.present.has(first)) return first;
      this.dropFirst();
    }
  }

  private dropFirst(): void {
    const { heap } = this;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if ((heap[child + 1] ?? Number.POSITIVE_INFINITY) < (heap[child] ?? 0)) child++;
      if ((heap[child] ?? 0) >= last) break;
      heap[at] = heap[child] ?? 0;
      at = child;
    }
    heap[at] = last;
  }
}
