/**
 * Cold chunks: a bounded cache of segment bytes that are read away from the loop.
 *
 * Owns: chunk buffers, which are loaded, which are under way, who waits.
 * Invariant: segment ids are never used twice, so a chunk can not go stale; at most
 * `chunksMax` buffers exist, however many readers there are: the others wait for their turn.
 */
import type { Segment } from './segment.ts';
import { storageDamaged, storageFailed } from './storage-fault.ts';

export const CHUNK_BYTES = 1024 * 1024;

interface Chunk {
  readonly key: string;
  readonly bytes: Uint8Array;
  length: number;
  state: 'loading' | 'loaded' | 'failed';
  error: Error | null;
  /** Somebody has copied from it. */
  isRead: boolean;
  readonly waiters: (() => void)[];
}

export class ColdChunks {
  readonly #chunksMax: number;
  /** In order of use, the longest unused first. */
  readonly #chunks = new Map<string, Chunk>();
  /** Of a chunk that was given up; the next one takes it. */
  #spare: Uint8Array | null = null;
  #loading = 0;
  /** Readers for whose chunks no buffer was free. */
  readonly #blocked: (() => void)[] = [];

  constructor(chunksMax: number) {
    this.#chunksMax = chunksMax;
  }

  /**
   * Copies bytes of `segment` from `position`, at most to the end of their chunk.
   * @returns the bytes copied; 0 when the chunk is being read and `ready` will be called.
   * @throws BrokerError storage_failed, storage_damaged
   */
  copy(
    segment: Segment,
    position: number,
    length: number,
    target: Uint8Array,
    start: number,
    ready: () => void,
  ): number {
    const number = Math.floor(position / CHUNK_BYTES);
    const key = `${segment.id}:${number}`;
    const found = this.#chunks.get(key);
    if (found === undefined && this.#loading >= this.#chunksMax) {
      this.#blocked.push(ready);
      return 0;
    }
    const chunk = found ?? this.#load(segment, number, key);
    if (chunk.state === 'loading') {
      chunk.waiters.push(ready);
      return 0;
    }
    this.#chunks.delete(key);
    if (chunk.error !== null) throw chunk.error;
    this.#chunks.set(key, chunk);
    chunk.isRead = true;
    const from = position - number * CHUNK_BYTES;
    const count = Math.min(length, chunk.length - from);
    if (count <= 0) throw storageDamaged(segment.file.path, position, 'the file ends here');
    target.set(chunk.bytes.subarray(from, from + count), start);
    return count;
  }

  #load(segment: Segment, number: number, key: string): Chunk {
    this.#evict();
    const chunk: Chunk = {
      key,
      bytes: this.#spare ?? new Uint8Array(CHUNK_BYTES),
      length: 0,
      state: 'loading',
      error: null,
      isRead: false,
      waiters: [],
    };
    this.#spare = null;
    this.#loading += 1;
    this.#chunks.set(key, chunk);
    segment.pin();
    segment.file.read(chunk.bytes, 0, CHUNK_BYTES, number * CHUNK_BYTES, (error, bytesRead) => {
      segment.unpin();
      this.#loading -= 1;
      chunk.state = error === null ? 'loaded' : 'failed';
      chunk.error = error === null ? null : storageFailed(error);
      chunk.length = bytesRead;
      for (const waiter of chunk.waiters.splice(0)) waiter();
      this.#unblock();
    });
    return chunk;
  }

  /** As many as can load now; some may be gone, so all of them when nothing is under way. */
  #unblock(): void {
    const free = this.#chunksMax - this.#loading;
    const count = this.#loading === 0 ? this.#blocked.length : free;
    for (const reader of this.#blocked.splice(0, count)) reader();
  }

  /** Makes room for one more; what nobody has copied from yet goes last. */
  #evict(): void {
    if (this.#chunks.size < this.#chunksMax) return;
    let oldest: Chunk | null = null;
    for (const chunk of this.#chunks.values()) {
      if (chunk.state === 'loading') continue;
      oldest ??= chunk;
      if (!chunk.isRead) continue;
      oldest = chunk;
      break;
    }
    if (oldest === null) return;
    this.#chunks.delete(oldest.key);
    this.#spare = oldest.bytes;
  }
}
