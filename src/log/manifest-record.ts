/**
 * What the manifest says: its records in bytes, and the frames that carry them.
 *
 * Owns: record bodies, segment descriptors, frames and their checks.
 * Leaves: files, syncs and what is live to `manifest.ts`.
 *
 * Little-endian. A frame begins on a multiple of 8 and is padded with zeros, which its crc covers.
 *
 *   frame                                    record
 *   off  size  field                         off  size  field
 *   0    4     crc32c of the frame from 4 on 0    1     kind
 *   4    4     length of the records         1    3     reserved, 0
 *   8    4     number: 0, 1, 2 … in a file   4    4     body length
 *   12   4     magic, "PLM1"                 8    …     body
 *   16   …     records
 *
 *   begin (1)      first record of frame 0, alone: version u16, reserved u16, manifest number u32,
 *                  snapshot segments u32 (the frames 1… that follow hold one each), reserved u32,
 *                  store id 16 B
 *   sealed (2)     one descriptor
 *   replaced (3)   removed count u32, added count u32, removed ids u32 each, added descriptors
 *   removed (4)    count u32, ids u32 each
 *
 *   descriptor
 *   off  size  field                         off  size  field
 *   0    4     segment id                    28   4     footer: position of its rows
 *   4    4     reserved, 0                   32   4     footer: row count
 *   8    8     LSN of the first block        36   4     footer: crc32c of its directory
 *   16   8     LSN after the last block      40   4     extent count
 *   24   4     end of the blocks             44   44×n  extents (`segment-extents.ts`)
 */

import { assert } from '../kernel/assert.ts';
import { isExact, readInt64LittleEndian, viewOf, writeInt64LittleEndian } from '../kernel/bytes.ts';
import { crc32c } from '../kernel/crc32c.ts';
import type { FooterInfo } from './footer.ts';
import { EXTENT_BYTES, readExtent, SegmentExtents, writeExtent } from './segment-extents.ts';

export const MANIFEST_VERSION = 1;
const FRAME_HEADER_BYTES = 16;
const FRAME_ALIGNMENT = 8;
const RECORD_HEADER_BYTES = 8;
const BEGIN_BYTES = 32;
const DESCRIPTOR_HEAD_BYTES = 44;
const MAGIC = 0x314d4c50; // "PLM1"

const RecordKind = { begin: 1, sealed: 2, replaced: 3, removed: 4 } as const;

/** A segment that is written and indexed for good. The id tells journal from archive. */
export interface SealedSegment {
  readonly id: number;
  /** Of its first block, and after its last one. Both 0 in an archive segment. */
  readonly firstLsn: number;
  readonly endLsn: number;
  /** Position after the last block or batch. */
  readonly blocksEnd: number;
  readonly footer: FooterInfo;
  readonly extents: SegmentExtents;
}

export interface ManifestBegin {
  readonly kind: 'begin';
  readonly version: number;
  readonly number: number;
  readonly snapshotSegments: number;
  readonly storeId: Uint8Array;
}

/** A change of what there is. `replaced` happens as a whole or not at all. */
export type ManifestRecord =
  | { readonly kind: 'sealed'; readonly segment: SealedSegment }
  | {
      readonly kind: 'replaced';
      readonly removed: readonly number[];
      readonly added: readonly SealedSegment[];
    }
  | { readonly kind: 'removed'; readonly ids: readonly number[] };

function descriptorBytes(segment: SealedSegment): number {
  return DESCRIPTOR_HEAD_BYTES + segment.extents.count * EXTENT_BYTES;
}

export function encodeBegin(begin: ManifestBegin): Uint8Array {
  assert(begin.storeId.length === 16, 'a store id has 16 bytes');
  const record = newRecord(RecordKind.begin, BEGIN_BYTES);
  const view = viewOf(record);
  view.setUint16(8, begin.version, true);
  view.setUint32(12, begin.number, true);
  view.setUint32(16, begin.snapshotSegments, true);
  record.set(begin.storeId, 24);
  return record;
}

export function encodeRecord(record: ManifestRecord): Uint8Array {
  switch (record.kind) {
    case 'sealed': {
      const bytes = newRecord(RecordKind.sealed, descriptorBytes(record.segment));
      writeDescriptor(viewOf(bytes), RECORD_HEADER_BYTES, record.segment);
      return bytes;
    }
    case 'replaced':
      return encodeReplaced(record.removed, record.added);
    case 'removed': {
      const bytes = newRecord(RecordKind.removed, 4 + record.ids.length * 4);
      const view = viewOf(bytes);
      view.setUint32(8, record.ids.length, true);
      writeIds(view, 12, record.ids);
      return bytes;
    }
  }
}

function encodeReplaced(removed: readonly number[], added: readonly SealedSegment[]): Uint8Array {
  const addedBytes = added.reduce((sum, segment) => sum + descriptorBytes(segment), 0);
  const bytes = newRecord(RecordKind.replaced, 8 + removed.length * 4 + addedBytes);
  const view = viewOf(bytes);
  view.setUint32(8, removed.length, true);
  view.setUint32(12, added.length, true);
  let at = writeIds(view, 16, removed);
  for (const segment of added) at = writeDescriptor(view, at, segment);
  assert(at === bytes.length, 'a record has the length that was counted');
  return bytes;
}

function newRecord(kind: number, bodyBytes: number): Uint8Array {
  const bytes = new Uint8Array(RECORD_HEADER_BYTES + bodyBytes);
  bytes[0] = kind;
  viewOf(bytes).setUint32(4, bodyBytes, true);
  return bytes;
}

function writeIds(view: DataView, start: number, ids: readonly number[]): number {
  let at = start;
  for (const id of ids) {
    view.setUint32(at, id, true);
    at += 4;
  }
  return at;
}

function writeDescriptor(view: DataView, start: number, segment: SealedSegment): number {
  const { footer, extents } = segment;
  assert(footer.partitionCount === extents.count, 'an extent for each partition of the footer');
  view.setUint32(start, segment.id, true);
  writeInt64LittleEndian(view, start + 8, segment.firstLsn);
  writeInt64LittleEndian(view, start + 16, segment.endLsn);
  view.setUint32(start + 24, segment.blocksEnd, true);
  view.setUint32(start + 28, footer.position, true);
  view.setUint32(start + 32, footer.rowCount, true);
  view.setUint32(start + 36, footer.directoryCrc, true);
  view.setUint32(start + 40, extents.count, true);
  let at = start + DESCRIPTOR_HEAD_BYTES;
  for (let i = 0; i < extents.count; i++, at += EXTENT_BYTES) writeExtent(view, at, extents, i);
  return at;
}

/** Puts `records` into frame `number`. */
export function encodeFrame(number: number, records: readonly Uint8Array[]): Uint8Array {
  const length = records.reduce((sum, record) => sum + record.length, 0);
  const frame = new Uint8Array(frameBytes(length));
  let at = FRAME_HEADER_BYTES;
  for (const record of records) {
    frame.set(record, at);
    at += record.length;
  }
  const view = viewOf(frame);
  view.setUint32(4, length, true);
  view.setUint32(8, number, true);
  view.setUint32(12, MAGIC, true);
  view.setUint32(0, crc32c(frame, 4, frame.length), true);
  return frame;
}

/** Of a whole frame, padding included, whose records take `length`. */
function frameBytes(length: number): number {
  return Math.ceil((FRAME_HEADER_BYTES + length) / FRAME_ALIGNMENT) * FRAME_ALIGNMENT;
}

/** Where the valid frame at `position` ends. */
export function frameEnd(view: DataView, position: number): number {
  return position + frameBytes(view.getUint32(position + 4, true));
}

/** The number of the valid frame at `position`, or -1. */
export function frameNumberAt(bytes: Uint8Array, view: DataView, position: number): number {
  if (position + FRAME_HEADER_BYTES > bytes.length) return -1;
  if (view.getUint32(position + 12, true) !== MAGIC) return -1;
  const end = frameEnd(view, position);
  if (end > bytes.length) return -1;
  if (view.getUint32(position, true) !== crc32c(bytes, position + 4, end)) return -1;
  return view.getUint32(position + 8, true);
}

/** Of the frame that a snapshot has for `segment`. */
export function snapshotFrameBytes(segment: SealedSegment): number {
  return frameBytes(RECORD_HEADER_BYTES + descriptorBytes(segment));
}

/** The first valid frame that begins after `position`, or -1. */
export function findFrameAfter(bytes: Uint8Array, view: DataView, position: number): number {
  for (let at = position + FRAME_ALIGNMENT; at < bytes.length; at += FRAME_ALIGNMENT) {
    if (frameNumberAt(bytes, view, at) >= 0) return at;
  }
  return -1;
}

/**
 * Takes the records of the valid frame at `position` apart, one call of `visit` each.
 * @returns false when one makes no sense.
 */
export function readFrame(
  view: DataView,
  position: number,
  visit: (record: ManifestRecord | ManifestBegin) => boolean,
): boolean {
  let at = position + FRAME_HEADER_BYTES;
  const end = at + view.getUint32(position + 4, true);
  while (at < end) {
    if (at + RECORD_HEADER_BYTES > end) return false;
    const bodyEnd = at + RECORD_HEADER_BYTES + view.getUint32(at + 4, true);
    if (bodyEnd > end) return false;
    const record = new RecordReader(view, at + RECORD_HEADER_BYTES, bodyEnd).record(
      view.getUint8(at),
    );
    if (record === null || !visit(record)) return false;
    at = bodyEnd;
  }
  return true;
}

/** Reads one record's body within its bounds; what does not fit makes it null. */
class RecordReader {
  readonly #view: DataView;
  readonly #end: number;
  #at: number;

  constructor(view: DataView, start: number, end: number) {
    this.#view = view;
    this.#at = start;
    this.#end = end;
  }

  record(kind: number): ManifestRecord | ManifestBegin | null {
    const record = this.#body(kind);
    return this.#at === this.#end ? record : null;
  }

  #body(kind: number): ManifestRecord | ManifestBegin | null {
    switch (kind) {
      case RecordKind.begin:
        return this.#begin();
      case RecordKind.sealed: {
        const segment = this.#descriptor();
        return segment === null ? null : { kind: 'sealed', segment };
      }
      case RecordKind.replaced:
        return this.#replaced();
      case RecordKind.removed: {
        if (!this.#has(4)) return null;
        const ids = this.#ids(this.#uint32());
        return ids === null ? null : { kind: 'removed', ids };
      }
      default:
        return null;
    }
  }

  #begin(): ManifestBegin | null {
    // A later version may have more; nothing else is read of it.
    if (!this.#has(BEGIN_BYTES)) return null;
    const view = this.#view;
    const at = this.#at;
    this.#at = this.#end;
    const storeIdAt = view.byteOffset + at + 16;
    return {
      kind: 'begin',
      version: view.getUint16(at, true),
      number: view.getUint32(at + 4, true),
      snapshotSegments: view.getUint32(at + 8, true),
      storeId: new Uint8Array(view.buffer.slice(storeIdAt, storeIdAt + 16)),
    };
  }

  #replaced(): ManifestRecord | null {
    if (!this.#has(8)) return null;
    const removedCount = this.#uint32();
    const addedCount = this.#uint32();
    const removed = this.#ids(removedCount);
    if (removed === null) return null;
    const added: SealedSegment[] = [];
    for (let i = 0; i < addedCount; i++) {
      const segment = this.#descriptor();
      if (segment === null) return null;
      added.push(segment);
    }
    return { kind: 'replaced', removed, added };
  }

  #ids(count: number): number[] | null {
    if (!this.#has(count * 4)) return null;
    return Array.from({ length: count }, () => this.#uint32());
  }

  #descriptor(): SealedSegment | null {
    if (!this.#has(DESCRIPTOR_HEAD_BYTES)) return null;
    const view = this.#view;
    const start = this.#at;
    this.#at += DESCRIPTOR_HEAD_BYTES;
    const count = view.getUint32(start + 40, true);
    if (!this.#has(count * EXTENT_BYTES)) return null;
    const extents = new SegmentExtents(count);
    for (let i = 0; i < count; i++, this.#at += EXTENT_BYTES) {
      if (!readExtent(view, this.#at, extents, i)) return null;
    }
    const firstLsn = readInt64LittleEndian(view, start + 8);
    const endLsn = readInt64LittleEndian(view, start + 16);
    if (firstLsn < 0 || endLsn < firstLsn || !isExact(endLsn)) return null;
    const footer = {
      position: view.getUint32(start + 28, true),
      rowCount: view.getUint32(start + 32, true),
      partitionCount: count,
      directoryCrc: view.getUint32(start + 36, true),
    };
    const id = view.getUint32(start, true);
    const blocksEnd = view.getUint32(start + 24, true);
    return { id, firstLsn, endLsn, blocksEnd, footer, extents };
  }

  #uint32(): number {
    const value = this.#view.getUint32(this.#at, true);
    this.#at += 4;
    return value;
  }

  #has(count: number): boolean {
    return this.#at + count <= this.#end;
  }
}
