/**
 * All groups: the part of the broker's state machine that belongs to groups. Durable, blind.
 *
 * Owns: applying the entries 40 to 49, the checkpoint objects 48 to 63, finding groups.
 * Leaves: every decision to group-service.ts and the files behind it, which append the entries
 * applied here.
 *
 * An entry for a group that is gone is skipped; ids are never reused. A generation skips entries up
 * to its LSN, and so does each offset by itself.
 */

import { assert } from '../../kernel/assert.ts';
import type { EntryView } from '../../log/entry.ts';
import { BodyReader } from '../body.ts';
import type { StatePart } from '../ports.ts';
import { type Generation, Group, type OffsetRow } from './group.ts';
import { decodeGeneration, decodeOffset, groupEntryKind } from './group-entries.ts';
import {
  GenerationParts,
  GroupObjectCursor,
  groupObjectType,
  restoreOffsets,
} from './group-objects.ts';

export class Groups implements StatePart {
  /** Ids below it may have been used. */
  nextGroupId = 1;
  /** Of the last group made or deleted. */
  idsLsn = 0;
  /** Of the last change of any group, offsets aside: what lists and "no such group" wait for. */
  lastLsn = 0;
  /** Of all groups. */
  offsetCount = 0;
  /** Of all offsets, in characters. */
  metadataSize = 0;
  private readonly groups = new Map<number, Group>();
  private readonly names = new Map<string, Group>();
  private readonly parts = new GenerationParts();

  /** How many there are. */
  get size(): number {
    return this.groups.size;
  }

  all(): IterableIterator<Group> {
    return this.groups.values();
  }

  find(name: string): Group | undefined {
    return this.names.get(name);
  }

  applyEntry(entry: EntryView): void {
    const reader = new BodyReader(entry.bytes, entry.start, entry.end);
    const groupId = reader.uint32();
    switch (entry.kind) {
      case groupEntryKind.offsetsCommitted:
        return this.applyCommitted(entry.lsn, groupId, reader);
      case groupEntryKind.offsetsRemoved:
        return this.applyRemoved(entry.lsn, groupId, reader);
      case groupEntryKind.generationCompleted:
        return this.applyGeneration(entry.lsn, groupId, reader);
      case groupEntryKind.created:
        return this.applyCreated(entry.lsn, groupId, reader.text());
      case groupEntryKind.deleted:
        return this.applyDeleted(entry.lsn, groupId);
      default:
        assert(false, 'an entry of groups is of a known kind');
    }
  }

  /** See GroupObjectCursor; the objects' bodies go behind what the writer holds. */
  objects(): GroupObjectCursor {
    return new GroupObjectCursor({
      nextGroupId: this.nextGroupId,
      idsLsn: this.idsLsn,
      groups: this.groups.values(),
    });
  }

  restoreObject(type: number, lsn: number, bytes: Uint8Array, start: number, end: number): void {
    const reader = new BodyReader(bytes, start, end);
    const id = reader.uint32();
    this.lastLsn = Math.max(this.lastLsn, lsn);
    if (type === groupObjectType.ids) {
      this.nextGroupId = Math.max(this.nextGroupId, id);
      this.idsLsn = Math.max(this.idsLsn, lsn);
      return;
    }
    if (type === groupObjectType.group) {
      this.add(new Group(id, reader.text(), lsn));
      return;
    }
    const group = this.groups.get(id);
    assert(group !== undefined, 'a group is restored before what it has');
    if (type === groupObjectType.generationPart) {
      const generation = this.parts.add(id, reader);
      if (generation !== null) setGeneration(group, generation, lsn);
    } else if (type === groupObjectType.offsets) {
      restoreOffsets(reader, (partitionId, row) => this.setOffset(group, partitionId, row));
    } else assert(false, 'a checkpoint object of groups is of a known type');
  }

  /**
   * Replay is over. Names are built anew: while entries older than an object were replayed, a group
   * long gone may have taken the name of its successor for a while.
   */
  restored(): void {
    this.names.clear();
    for (const group of this.groups.values()) this.names.set(group.name, group);
  }

  /** Committed offsets keep no records. */
  isDead(): boolean {
    return false;
  }

  private applyCreated(lsn: number, groupId: number, name: string): void {
    // A restored id counter may lie past a group that was deleted before the checkpoint's end.
    this.nextGroupId = Math.max(this.nextGroupId, groupId + 1);
    this.noteChange(lsn);
    if (!this.groups.has(groupId)) this.add(new Group(groupId, name, lsn));
  }

  private applyDeleted(lsn: number, groupId: number): void {
    this.noteChange(lsn);
    const group = this.groups.get(groupId);
    if (group === undefined) return;
    group.isDeleted = true;
    for (const partitionId of group.offsets.keys()) this.dropOffset(group, partitionId);
    this.groups.delete(groupId);
    // At replay a younger group may already carry the name.
    if (this.names.get(group.name) === group) this.names.delete(group.name);
  }

  private applyGeneration(lsn: number, groupId: number, reader: BodyReader): void {
    this.lastLsn = Math.max(this.lastLsn, lsn);
    const group = this.groups.get(groupId);
    if (group === undefined || lsn <= group.generationLsn) return;
    setGeneration(group, decodeGeneration(reader), lsn);
  }

  private applyCommitted(lsn: number, groupId: number, reader: BodyReader): void {
    const group = this.groups.get(groupId);
    if (group === undefined) return;
    const committedAt = reader.int64();
    const count = reader.uint32();
    for (let i = 0; i < count; i++) {
      const { partitionId, offset, leaderEpoch, metadata } = decodeOffset(reader);
      this.setOffset(group, partitionId, { offset, leaderEpoch, metadata, committedAt, lsn });
    }
  }

  private applyRemoved(lsn: number, groupId: number, reader: BodyReader): void {
    const group = this.groups.get(groupId);
    if (group === undefined) return;
    group.offsetsLsn = Math.max(group.offsetsLsn, lsn);
    const count = reader.uint32();
    for (let i = 0; i < count; i++) {
      const partitionId = reader.uint32();
      const row = group.offsets.get(partitionId);
      if (row !== undefined && row.lsn < lsn) this.dropOffset(group, partitionId);
    }
  }

  private noteChange(lsn: number): void {
    this.idsLsn = Math.max(this.idsLsn, lsn);
    this.lastLsn = Math.max(this.lastLsn, lsn);
  }

  private add(group: Group): void {
    if (this.groups.has(group.id)) return;
    this.groups.set(group.id, group);
    this.names.set(group.name, group);
  }

  private setOffset(group: Group, partitionId: number, row: OffsetRow): void {
    group.offsetsLsn = Math.max(group.offsetsLsn, row.lsn);
    const present = group.offsets.get(partitionId);
    if (present !== undefined && present.lsn >= row.lsn) return;
    if (present === undefined) this.offsetCount++;
    this.metadataSize += row.metadata.length - (present?.metadata.length ?? 0);
    group.offsets.set(partitionId, row);
  }

  private dropOffset(group: Group, partitionId: number): void {
    this.metadataSize -= group.offsets.get(partitionId)?.metadata.length ?? 0;
    if (group.offsets.delete(partitionId)) this.offsetCount--;
  }
}

function setGeneration(group: Group, generation: Generation, lsn: number): void {
  if (lsn <= group.generationLsn) return;
  group.generation = generation;
  group.generationLsn = lsn;
}
