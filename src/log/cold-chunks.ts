/**
 * Cold chunks: a bounded cache of segment bytes that are read away from the loop.
 *
 * Owns: chunk buffers, which are loaded, which are under way, who waits.
 * Invariant: segment ids are never used twice, so a chunk can not go stale; at most
 * `chunksMax` buffers exist.
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
  readonly waiters: (() => void)[];
}

export class ColdChunks {
  readonly #chunksMax: number;
  /** In order of use, the longest unused first. */
  readonly #chunks = new Map<string, Chunk>();
  readonly #buffers: Uint8Array[] = [];

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
    const chunk = this.#chunks.get(key) ?? this.#load(segment, number, key);
    if (chunk.state === 'loading') {
      chunk.waiters.push(ready);
      return 0;
    }
    this.#chunks.delete(key);
    if (chunk.error !== null) throw chunk.error;
    this.#chunks.set(key, chunk);
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
      bytes: this.#buffers.pop() ?? new Uint8Array(CHUNK_BYTES),
      length: 0,
      state: 'loading',
      error: null,
      waiters: [],
    };
    this.#chunks.set(key, chunk);
    segment.pin();
    segment.file.read(chunk.bytes, 0, CHUNK_BYTES, number * CHUNK_BYTES, (error, bytesRead) => {
      segment.unpin();
      chunk.state = error === null ? 'loaded' : 'failed';
      chunk.error = error === null ? null : storageFailed(error);
      chunk.length = bytesRead;
      for (const waiter of chunk.waiters.splice(0)) waiter();
    });
    return chunk;
  }

  #evict(): void {
    for (const [key, chunk] of this.#chunks) {
      if (this.#chunks.size < this.#chunksMax) return;
      if (chunk.state === 'loading') continue;
      this.#chunks.delete(key);
      this.#buffers.push(chunk.bytes);
      if (this.#buffers.length > 4) this.#buffers.pop();
    }
  }
}
