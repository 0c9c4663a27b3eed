/**
 * Reading: who is woken when there is more to read.
 */
import type { Partition } from './catalog/topic.ts';

/** Told that something changed for a partition; it looks for itself what. */
export interface Watcher {
  /** High watermark or log start moved, or the partition was deleted. */
  onProgress(partition: Partition): void;
}
