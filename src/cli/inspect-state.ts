/**
 * A summary of the state that a data folder describes: topics, partitions, their offsets.
 *
 * Owns: folding checkpoint objects and entries into that summary, as replay would, but leniently:
 * where a part of the journal is damaged the rest is still shown.
 *
 * Invariant: an entry that an object's checkpoint includes (its LSN says so) is not applied again.
 */

import {
  decodePartitionList,
  decodeTopicCreated,
  decodeTopicOptions,
  entryKind,
  objectType,
} from '../broker/entries.ts';
import { queueEntryKind } from '../broker/queues/queue-entries.ts';
import { queueObjectType } from '../broker/queues/queue-objects.ts';
import { formatUuidShort, readInt64LittleEndian, viewOf } from '../kernel/bytes.ts';
import { type AppendView, EntryKind, type EntryView } from '../log/entry.ts';
import { batchLastOffsetDelta } from '../record/batch.ts';
import type { TopicReport } from './inspect-report.ts';

/** The checkpoint object of a partition, see partition-log.ts. */
const partitionObject = 1;

interface PartitionState {
  logStart: number;
  logEnd: number;
  lsn: number;
}

interface TopicState {
  readonly name: string;
  readonly uuid: string;
  partitionIds: number[];
  overrides: ReadonlyMap<string, string>;
  lsn: number;
}

export class StateSummary {
  readonly #partitions = new Map<number, PartitionState>();
  readonly #topics = new Map<number, TopicState>();
  readonly #queues = new Set<number>();

  restoreObject(type: number, lsn: number, bytes: Uint8Array, start: number, end: number): void {
    const view = viewOf(bytes);
    if (type === partitionObject) {
      const logStart = readInt64LittleEndian(view, start + 8);
      const logEnd = readInt64LittleEndian(view, start + 16);
      this.#partitions.set(view.getUint32(start, true), { logStart, logEnd, lsn });
    } else if (type === objectType.topic) {
      this.#addTopic(bytes, start, end, lsn);
    } else if (type === queueObjectType.queue) {
      this.#queues.add(view.getUint32(start, true));
    }
  }

  applyEntry(entry: EntryView): void {
    const { kind, view, bytes, start, end, lsn } = entry;
    const id = end - start >= 4 ? view.getUint32(start, true) : 0;
    switch (kind) {
      case EntryKind.partitionCreated: {
        const first = readInt64LittleEndian(view, start + 8);
        if (!this.#partitions.has(id)) {
          this.#partitions.set(id, { logStart: first, logEnd: first, lsn });
        }
        break;
      }
      case EntryKind.partitionDeleted:
        this.#partitions.delete(id);
        break;
      case EntryKind.logStart:
        this.#trim(id, readInt64LittleEndian(view, start + 8), lsn);
        break;
      case entryKind.topicCreated:
        if (!this.#topics.has(id)) this.#addTopic(bytes, start, end, lsn);
        break;
      case entryKind.topicDeleted:
        this.#topics.delete(id);
        break;
      case entryKind.topicOptions:
        this.#change(id, lsn, (topic) => {
          topic.overrides = decodeTopicOptions(bytes, start, end).overrides;
        });
        break;
      case entryKind.partitionsAdded:
        this.#change(id, lsn, (topic) => {
          topic.partitionIds.push(...decodePartitionList(bytes, start, end).partitionIds);
        });
        break;
      case queueEntryKind.created:
        this.#queues.add(id);
        break;
      case queueEntryKind.deleted:
        this.#queues.delete(id);
        break;
    }
  }

  applyAppend(append: AppendView): void {
    const delta = batchLastOffsetDelta(append.view, append.batchStart);
    for (let i = 0; i < append.targetCount; i++) {
      const state = this.#partitions.get(append.partitions[i] ?? 0);
      if (state === undefined || append.lsn <= state.lsn) continue;
      state.logEnd = (append.baseOffsets[i] ?? 0) + delta + 1;
      state.lsn = append.lsn;
    }
  }

  get queueCount(): number {
    return this.#queues.size;
  }

  /** By name. */
  topics(): TopicReport[] {
    const reports = Array.from(this.#topics.values(), (topic) => ({
      name: topic.name,
      uuid: topic.uuid,
      options: Object.fromEntries(topic.overrides),
      partitions: topic.partitionIds.map((id, partition) => {
        const { logStart = 0, logEnd = 0 } = this.#partitions.get(id) ?? {};
        return { partition, id, logStart, logEnd };
      }),
    }));
    return reports.sort((left, right) => (left.name < right.name ? -1 : 1));
  }

  #addTopic(bytes: Uint8Array, start: number, end: number, lsn: number): void {
    const { topicId, name, uuid, partitionIds, overrides } = decodeTopicCreated(bytes, start, end);
    const topic = { name, uuid: formatUuidShort(uuid), partitionIds: [...partitionIds] };
    this.#topics.set(topicId, { ...topic, overrides, lsn });
  }

  #change(id: number, lsn: number, action: (topic: TopicState) => void): void {
    const topic = this.#topics.get(id);
    if (topic === undefined || lsn <= topic.lsn) return;
    action(topic);
    topic.lsn = lsn;
  }

  #trim(id: number, offset: number, lsn: number): void {
    const state = this.#partitions.get(id);
    if (state === undefined || lsn <= state.lsn) return;
    state.logStart = Math.max(state.logStart, offset);
    state.lsn = lsn;
  }
}
