/**
 * What a sealed segment's file says of itself, without the manifest.
 *
 * Owns: reading trailer and directory together. Leaves: whether it still counts to the caller.
 */
import { BrokerError } from '../kernel/errors.ts';
import type { DiskFile } from '../kernel/ports.ts';
import { decodeDirectory, decodeTrailer, directoryBytes, directoryPosition } from './footer.ts';
import { SEGMENT_TRAILER_BYTES } from './limits.ts';
import type { SealedSegment } from './manifest-record.ts';

/** What every segment file of a data folder has in common. */
export interface StoreFacts {
  readonly segmentBytes: number;
  readonly storeId: Uint8Array;
}

/** Null when the file of segment `id` has no whole footer. */
export function readSealed(file: DiskFile, id: number, facts: StoreFacts): SealedSegment | null {
  const { segmentBytes, storeId } = facts;
  const page = new Uint8Array(SEGMENT_TRAILER_BYTES);
  file.readSync(page, 0, page.length, segmentBytes - SEGMENT_TRAILER_BYTES);
  const trailer = decodeTrailer(page, { segmentId: id, segmentBytes, storeId });
  if (typeof trailer === 'string') return null;
  const { footer } = trailer;
  const bytes = new Uint8Array(directoryBytes(footer.rowCount, footer.partitionCount));
  file.readSync(bytes, 0, bytes.length, directoryPosition(footer));
  try {
    return { id, ...trailer, extents: decodeDirectory(bytes, footer, file.path).extents };
  } catch (error) {
    if (error instanceof BrokerError) return null;
    throw error;
  }
}
