/**
 * Loaded into the broker before the broker: counts what it copies and allocates, and answers questions about it.
 *
 * Also makes the broker worse on request (`Plant`), which is how the limits are shown to hold something.
 */
import fs from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';
import { Journal } from '../../src/log/journal.ts';

/** Since the start of the process. */
export interface Counters {
  readonly heapBytes: number;
  readonly bufferBytes: number;
  readonly copiedBytes: number;
  /** Garbage collections: across one, bytes on the heap say nothing. */
  readonly collections: number;
}

export type Plant = 'none' | 'copy' | 'allocation' | 'system-call';

let copiedBytes = 0;
let collections = 0;

function countCopies(): void {
  const arrays = Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array;
  const { set, copyWithin, slice } = arrays;
  arrays.set = function (this: Uint8Array, source: ArrayLike<number>, offset?: number): void {
    copiedBytes += source.length * this.BYTES_PER_ELEMENT;
    set.call(this, source, offset);
  };
  arrays.copyWithin = function (this: Uint8Array, target: number, start: number, end?: number) {
    copiedBytes += ((end ?? this.length) - start) * this.BYTES_PER_ELEMENT;
    return copyWithin.call(this, target, start, end) as Uint8Array<ArrayBuffer>;
  } as typeof copyWithin;
  arrays.slice = function (this: Uint8Array, start?: number, end?: number) {
    const result = slice.call(this, start, end);
    copiedBytes += result.byteLength;
    return result;
  } as typeof slice;
  const { copy } = Buffer.prototype;
  Buffer.prototype.copy = function (this: Buffer, ...args: Parameters<typeof copy>): number {
    const count = copy.apply(this, args);
    copiedBytes += count;
    return count;
  };
  const { concat } = Buffer;
  Buffer.concat = (list, length) => {
    const result = concat(list, length);
    copiedBytes += result.length;
    return result;
  };
}

/** Once per batch, as a careless change would. */
function plant(worse: (bytes: Uint8Array, start: number, end: number) => void): void {
  const { appendBatch } = Journal.prototype;
  Journal.prototype.appendBatch = function (
    this: Journal,
    ...args: Parameters<typeof appendBatch>
  ): number {
    const [, bytes, , start, end] = args;
    worse(bytes, start, end);
    return appendBatch.apply(this, args);
  };
}

const bytesPerRecord = 110;
const kept: unknown[] = [];

function plantChosen(chosen: string | undefined): void {
  if (chosen === 'copy') {
    plant((bytes, start, end) => {
      kept[0] = bytes.slice(start, end);
    });
  } else if (chosen === 'allocation') {
    plant((_, start, end) => {
      const records: object[] = [];
      for (let at = start; at < end; at += bytesPerRecord) records.push({ offset: at });
      kept[0] = records;
    });
  } else if (chosen === 'system-call') {
    const fd = fs.openSync('/dev/null', 'w');
    plant((bytes, start) => void fs.writeSync(fd, bytes, start, 1));
  }
}

function counters(): Counters {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return { heapBytes: heapUsed, bufferBytes: arrayBuffers, copiedBytes, collections };
}

if (isMainThread && process.send !== undefined) {
  const { SMOKE_COUNT_COPIES: isCounting, SMOKE_PLANT: chosen } = process.env;
  if (isCounting === '1') countCopies();
  plantChosen(chosen);
  new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  }).observe({ entryTypes: ['gc'] });
  process.on('message', (message) => {
    if (message === 'collect') (globalThis as { gc?: () => void }).gc?.();
    // The observer is told in a later turn.
    setTimeout(() => process.send?.(counters()), 10);
  });
  // What watches a broker does not keep it running.
  process.channel?.unref();
}
