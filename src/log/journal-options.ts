/**
 * What a journal can be told.
 */
import type { Durability } from './pipeline.ts';

export interface JournalOptions {
  readonly durability: Durability;
  readonly segmentBytes: number;
  readonly storeId: Uint8Array;
  /** Segments kept ready ahead of the writer. */
  readonly armedSegments?: number;
  /** Journal growth after which a checkpoint is due, bytes. */
  readonly checkpointBytes?: number;
  /** 1 MB buffers for cold reads. */
  readonly coldChunks?: number;
  /** Rewrite sparse segments; off only in tests of other parts. */
  readonly rewrite?: boolean;
}
