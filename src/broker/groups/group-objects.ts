/**
 * The checkpoint objects of groups: types 48 to 63.
 *
 * Owns: layouts, cutting large state into objects of at most 64 KiB, the cursor over all of them,
 * putting the parts of a generation together again.
 * Leaves: what a restored object means to groups.ts.
 *
 * Little-endian, text as in group-entries.ts.
 *
 *   48 group-ids        uint32 next group id
 *   49 group            uint32 group | text name
 *   50 generation-part  uint32 group | uint32 part | uint32 parts | bytes up to the end of the object:
 *                       all parts together are a generation, as in group-entries.ts
 *   51 group-offsets    uint32 group | rows up to the end of the object:
 *                       int64 LSN | int64 committed at, Unix ms | offset, as in group-entries.ts
 *
 * A group comes before its generation and its offsets. A generation never changes, so that its parts
 * are of one LSN however late they are written; an offset is an object of its own with its own LSN,
 * and many share one checkpoint object.
 */

import { assert } from '../../kernel/assert.ts';
import type { ByteWriter } from '../../kernel/byte-writer.ts';
import type { ObjectCursor, ObjectHead } from '../../log/machine.ts';
import { BodyReader, BodyWriter } from '../body.ts';
import type { Generation, Group, OffsetRow } from './group.ts';
import { decodeGeneration, decodeOffset, encodeGeneration, encodeOffset } from './group-entries.ts';

export const groupObjectType = {
  ids: 48,
  group: 49,
  generationPart: 50,
  offsets: 51,
} as const;

/** Bytes of a generation in one object. */
const partBytes = 48 * 1024;
/** Rows are added until an object has this many bytes; the last one may be as large again. */
const offsetsBytesTarget = 30 * 1024;

/** What the cursor walks over: a live iterator, so that groups may come and go. */
export interface GroupObjectSource {
  readonly nextGroupId: number;
  readonly idsLsn: number;
  readonly groups: IterableIterator<Group>;
}

/** Writes one object a call. */
export class GroupObjectCursor implements ObjectCursor {
  private readonly head = { type: 0, lsn: 0 };
  private readonly source: GroupObjectSource;
  private isStarted = false;
  private group: Group | null = null;
  private stage: 'group' | 'generation' | 'offsets' = 'group';
  /** The generation being written, as it was when its first part was. */
  private readonly generation = new BodyWriter();
  private generationLsn = 0;
  private part = 0;
  private offsets: Iterator<[number, OffsetRow]> | null = null;

  constructor(source: GroupObjectSource) {
    this.source = source;
  }

  next(output: ByteWriter): ObjectHead | null {
    const writer = new BodyWriter(output);
    if (!this.isStarted) {
      this.isStarted = true;
      writer.uint32(this.source.nextGroupId);
      return this.wrote(groupObjectType.ids, this.source.idsLsn);
    }
    for (;;) {
      if (this.group === null || this.group.isDeleted) {
        const next = this.source.groups.next();
        if (next.done === true) return null;
        this.group = next.value;
        this.stage = 'group';
      }
      const head = this.writeNext(writer, this.group);
      if (head !== null) return head;
    }
  }

  /** Null when there is nothing left of this stage. */
  private writeNext(writer: BodyWriter, group: Group): ObjectHead | null {
    switch (this.stage) {
      case 'group':
        this.stage = 'generation';
        this.beginGeneration(group);
        writer.uint32(group.id).text(group.name);
        return this.wrote(groupObjectType.group, group.createdLsn);
      case 'generation':
        if (this.part * partBytes < this.generation.length) return this.writePart(writer, group);
        this.stage = 'offsets';
        this.offsets = group.offsets.entries();
        return null;
      case 'offsets':
        return this.writeOffsets(writer, group);
    }
  }

  private beginGeneration(group: Group): void {
    this.generation.reset();
    this.part = 0;
    this.generationLsn = group.generationLsn;
    if (group.generation !== null) encodeGeneration(this.generation, group.generation);
  }

  private writePart(writer: BodyWriter, group: Group): ObjectHead {
    const { bytes, length } = this.generation;
    const start = this.part * partBytes;
    writer
      .uint32(group.id)
      .uint32(this.part)
      .uint32(Math.ceil(length / partBytes))
      .raw(bytes.subarray(start, Math.min(start + partBytes, length)));
    this.part++;
    return this.wrote(groupObjectType.generationPart, this.generationLsn);
  }

  private writeOffsets(writer: BodyWriter, group: Group): ObjectHead | null {
    const start = writer.length;
    writer.uint32(group.id);
    const rowsStart = writer.length;
    let lsn = 0;
    while (writer.length - start < offsetsBytesTarget) {
      const next = this.offsets?.next();
      if (next === undefined || next.done === true) break;
      const [partitionId, row] = next.value;
      writer.int64(row.lsn).int64(row.committedAt);
      encodeOffset(writer, { partitionId, ...row });
      lsn = Math.max(lsn, row.lsn);
    }
    if (writer.length > rowsStart) return this.wrote(groupObjectType.offsets, lsn);
    writer.output.position = start;
    this.offsets = null;
    this.group = null;
    return null;
  }

  private wrote(type: number, lsn: number): ObjectHead {
    this.head.type = type;
    this.head.lsn = lsn;
    return this.head;
  }
}

/** Puts the parts of generations together; those of one generation come one after the other. */
export class GenerationParts {
  private groupId = 0;
  private parts: Uint8Array[] = [];

  /** `reader` stands behind the group. Returns the generation with its last part, else null. */
  add(groupId: number, reader: BodyReader): Generation | null {
    const part = reader.uint32();
    const count = reader.uint32();
    if (part === 0) {
      this.groupId = groupId;
      this.parts = [];
    }
    assert(this.groupId === groupId && this.parts.length === part, 'parts come in their order');
    this.parts.push(reader.raw(reader.bytesLeft));
    if (this.parts.length < count) return null;
    const body = new BodyWriter();
    for (const bytes of this.parts) body.raw(bytes);
    this.parts = [];
    return decodeGeneration(new BodyReader(body.bytes, 0, body.length));
  }
}

/** Takes the rows of a group-offsets object; `reader` stands behind the group. */
export function restoreOffsets(
  reader: BodyReader,
  take: (partitionId: number, row: OffsetRow) => void,
): void {
  while (reader.bytesLeft > 0) {
    const lsn = reader.int64();
    const committedAt = reader.int64();
    const { partitionId, offset, leaderEpoch, metadata } = decodeOffset(reader);
    take(partitionId, { offset, leaderEpoch, metadata, committedAt, lsn });
  }
}
