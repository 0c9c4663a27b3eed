/**
 * The queue of what is going to happen: a binary heap by time, then by order of posting.
 *
 * Invariant: of two events due at the same microsecond the one posted first comes first, so the
 * order never depends on the shape of the heap. Cancelled events are dropped when their time comes,
 * or together once they are the larger part.
 */
export interface SimEvent {
  /** When it is due, virtual microseconds. */
  readonly time: number;
  readonly sequence: number;
  /** For the trace: a constant, `noun.verb`. */
  readonly name: string;
  readonly task: () => void;
  isCancelled: boolean;
}

/** Below this many, cancelled events are not worth the sweep. */
const SWEEP_MIN = 1024;

export class EventHeap {
  private events: SimEvent[] = [];
  private sequence = 0;
  private cancelled = 0;

  /** Events not cancelled. */
  get length(): number {
    return this.events.length - this.cancelled;
  }

  push(time: number, name: string, task: () => void): SimEvent {
    const event = { time, sequence: this.sequence++, name, task, isCancelled: false };
    this.events.push(event);
    this.rise(this.events.length - 1);
    return event;
  }

  cancel(event: SimEvent): void {
    if (event.isCancelled) return;
    event.isCancelled = true;
    this.cancelled++;
    if (this.cancelled > SWEEP_MIN && this.cancelled * 2 > this.events.length) this.sweep();
  }

  /** The next event, left in place. */
  peek(): SimEvent | undefined {
    for (;;) {
      const event = this.events[0];
      if (event === undefined || !event.isCancelled) return event;
      this.removeFirst();
      this.cancelled--;
    }
  }

  /** The next event, taken out and no longer to be cancelled. */
  pop(): SimEvent | undefined {
    const event = this.peek();
    if (event === undefined) return undefined;
    this.removeFirst();
    // A cancel after the fact must not be counted.
    event.isCancelled = true;
    return event;
  }

  private sweep(): void {
    this.events = this.events.filter((event) => !event.isCancelled);
    this.cancelled = 0;
    // A sorted array is a heap.
    this.events.sort((a, b) => (isBefore(a, b) ? -1 : 1));
  }

  private removeFirst(): void {
    const last = this.events.pop();
    if (last === undefined || this.events.length === 0) return;
    this.events[0] = last;
    this.sink();
  }

  private rise(from: number): void {
    const { events } = this;
    const event = events[from];
    let index = from;
    while (event !== undefined && index > 0) {
      const up = (index - 1) >> 1;
      const parent = events[up];
      if (parent === undefined || isBefore(parent, event)) break;
      events[index] = parent;
      events[up] = event;
      index = up;
    }
  }

  private sink(): void {
    const { events } = this;
    const event = events[0];
    let index = 0;
    for (;;) {
      const left = events[2 * index + 1];
      const right = events[2 * index + 2];
      if (event === undefined || left === undefined) return;
      const isRight = right !== undefined && isBefore(right, left);
      const child = isRight ? right : left;
      if (isBefore(event, child)) return;
      const down = 2 * index + (isRight ? 2 : 1);
      events[index] = child;
      events[down] = event;
      index = down;
    }
  }
}

function isBefore(a: SimEvent, b: SimEvent): boolean {
  return a.time < b.time || (a.time === b.time && a.sequence < b.sequence);
}
