/**
 * The requests about consumer groups that the crash suite sends.
 *
 * Owns: bytes. Independent of `src/protocols/kafka`, so that a mistake there is not repeated here.
 */
import { Frame } from '../kafka-frame.ts';
import type { AnswerReader } from './wire.ts';

export const groupErrors = { illegalGeneration: 22, unknownMember: 25, notFound: 69 } as const;

export interface Membership {
  readonly group: string;
  /** -1 and '' for one that only keeps offsets here. */
  readonly generation: number;
  readonly member: string;
}

const PROTOCOL = 'any';

export const joinGroup = {
  /** JoinGroup v3. */
  request(group: string, member: string, sessionMs: number): Buffer {
    const frame = new Frame(11, 3).text(group).int32(sessionMs).int32(sessionMs).text(member);
    const metadata = Uint8Array.of(1, 2, 3);
    frame.text('crash').int32(1).text(PROTOCOL).int32(metadata.length).raw(metadata);
    return frame.finish();
  },
  answer(reader: AnswerReader): { error: number; generation: number; member: string } {
    reader.int32();
    const error = reader.int16();
    const generation = reader.int32();
    reader.text();
    reader.text();
    return { error, generation, member: reader.text() };
  },
};

export const syncGroup = {
  /** SyncGroup v1 of a leader that has all to itself. */
  request({ group, generation, member }: Membership): Buffer {
    const frame = new Frame(14, 1).text(group).int32(generation).text(member);
    const assignment = Buffer.from(`${group} ${generation}`);
    return frame.int32(1).text(member).int32(assignment.length).raw(assignment).finish();
  },
  answer(reader: AnswerReader): number {
    reader.int32();
    return reader.int16();
  },
};

export const heartbeat = {
  /** Heartbeat v1. */
  request({ group, generation, member }: Membership): Buffer {
    return new Frame(12, 1).text(group).int32(generation).text(member).finish();
  },
  answer: syncGroup.answer,
};

export interface Committed {
  readonly partition: number;
  readonly offset: number;
  readonly metadata: string;
}

export const offsetCommit = {
  /** OffsetCommit v5 for one topic. */
  request(membership: Membership, topic: string, offsets: readonly Committed[]): Buffer {
    const { group, generation, member } = membership;
    const frame = new Frame(8, 5).text(group).int32(generation).text(member).int32(1).text(topic);
    frame.int32(offsets.length);
    for (const { partition, offset, metadata } of offsets) {
      frame.int32(partition).int64(offset).text(metadata);
    }
    return frame.finish();
  },
  /** The first error. */
  answer(reader: AnswerReader): number {
    reader.int32();
    const topics = reader.list(() => {
      reader.text();
      return reader.list(() => [reader.int32(), reader.int16()]);
    });
    return topics.flat().find(([, error]) => error !== 0)?.[1] ?? 0;
  },
};

export const offsetFetch = {
  /** OffsetFetch v3 for one topic. */
  request(group: string, topic: string, partitions: number): Buffer {
    const frame = new Frame(9, 3).text(group).int32(1).text(topic).int32(partitions);
    for (let i = 0; i < partitions; i++) frame.int32(i);
    return frame.finish();
  },
  answer(reader: AnswerReader): Committed[] {
    reader.int32();
    const topics = reader.list(() => {
      reader.text();
      return reader.list(() => {
        const partition = reader.int32();
        const offset = reader.int64();
        const metadata = reader.text();
        reader.int16();
        return { partition, offset, metadata };
      });
    });
    return topics.flat();
  },
};

export const deleteGroups = {
  /** DeleteGroups v0. */
  request(group: string): Buffer {
    return new Frame(42, 0).int32(1).text(group).finish();
  },
  answer(reader: AnswerReader): number {
    reader.int32();
    const [error] = reader.list(() => {
      reader.text();
      return reader.int16();
    });
    return error ?? -1;
  },
};
