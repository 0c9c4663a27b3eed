/**
 * The real scheduler, on setImmediate and unref'd timers.
 *
 * Both tick calls end in the check phase of the event loop, which comes after all sockets and files
 * that were ready have been handled. The functions are taken when the module loads, so that a test
 * with fake timers (Jest, sinon) does not stop the broker inside it.
 */

import timers from 'node:timers';
import type { Scheduler, Timer } from '../kernel/ports.ts';

const { setImmediate, setTimeout, clearTimeout } = timers;

/** Node turns a longer delay into 1 ms. */
const longestTimeoutMs = 2 ** 31 - 1;

export class NodeScheduler implements Scheduler {
  /** Tasks of the end of this tick, in order; one immediate runs them all. */
  private tasks: (() => void)[] = [];
  /** The array swapped in while the other one runs. */
  private spare: (() => void)[] = [];
  private readonly runTasks = (): void => this.runTick();

  // HOT: no allocation.
  endOfTick(task: () => void): void {
    if (this.tasks.push(task) === 1) setImmediate(this.runTasks);
  }

  nextSlice(task: () => void): void {
    setImmediate(task);
  }

  after(delayMs: number, task: () => void): Timer {
    return new NodeTimer(delayMs, task);
  }

  private runTick(): void {
    const tasks = this.tasks;
    this.tasks = this.spare;
    let index = 0;
    try {
      while (index < tasks.length) (tasks[index++] as () => void)();
    } finally {
      // A task that throws must not take the others with it.
      if (index < tasks.length) {
        const rest = tasks.slice(index);
        if (this.tasks.length === 0) setImmediate(this.runTasks);
        this.tasks.unshift(...rest);
      }
      tasks.length = 0;
      this.spare = tasks;
    }
  }
}

class NodeTimer implements Timer {
  private remainingMs: number;
  private readonly task: () => void;
  private handle: NodeJS.Timeout | null = null;

  constructor(delayMs: number, task: () => void) {
    this.remainingMs = Math.max(delayMs, 0);
    this.task = task;
    this.arm();
  }

  cancel(): void {
    if (this.handle !== null) clearTimeout(this.handle);
    this.handle = null;
  }

  private arm(): void {
    const delayMs = Math.min(this.remainingMs, longestTimeoutMs);
    this.remainingMs -= delayMs;
    this.handle = setTimeout(() => {
      this.handle = null;
      if (this.remainingMs > 0) this.arm();
      else this.task();
    }, delayMs);
    this.handle.unref();
  }
}
