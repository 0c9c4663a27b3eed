/**
 * The journal entries of groups: kinds 40 to 49, encode and decode.
 *
 * Owns: the numbers and the layouts. Leaves: what they change to groups.ts.
 *
 * Little-endian. Text is {uint16 length in bytes, UTF-8}; bytes are {uint32 length, bytes}.
 *
 *   40 group-created         uint32 group | text name
 *   41 group-deleted         uint32 group
 *   42 generation-completed  uint32 group | generation
 *   43 offsets-committed     uint32 group | int64 time, Unix ms | uint32 count | count × offset
 *   44 offsets-removed       uint32 group | uint32 count | count × uint32 partition
 *
 *   generation   int32 number | int64 completed at, Unix ms | text protocol type | text protocol
 *                | text leader | uint32 count | count × member
 *   member       text member id | uint8 flags (1 = static) | text instance id | text client id
 *                | text client host | uint32 session timeout, ms | uint32 rebalance timeout, ms
 *                | uint16 count | count × {text protocol, bytes metadata} | bytes assignment
 *   offset       uint32 partition | int64 offset | int32 leader epoch (-1: unknown) | text metadata
 */

import type { BodyReader, BodyWriter } from '../body.ts';
import type { Generation, GenerationMember } from './group.ts';
import type { MemberProtocol } from './group-messages.ts';

export const groupEntryKind = {
  created: 40,
  deleted: 41,
  generationCompleted: 42,
  offsetsCommitted: 43,
  offsetsRemoved: 44,
} as const;

const staticFlag = 1;

/** An offset as the journal has it: by the partition's id. */
export interface OffsetChange {
  readonly partitionId: number;
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string;
}

export function encodeGroupCreated(writer: BodyWriter, groupId: number, name: string): void {
  writer.uint32(groupId).text(name);
}

/** Without the group: also the checkpoint object, see group-objects.ts. */
export function encodeGeneration(writer: BodyWriter, generation: Generation): void {
  writer
    .int32(generation.number)
    .int64(generation.completedAt)
    .text(generation.protocolType)
    .text(generation.protocol)
    .text(generation.leader)
    .uint32(generation.members.length);
  for (const member of generation.members) encodeMember(writer, member);
}

function encodeMember(writer: BodyWriter, member: GenerationMember): void {
  writer
    .text(member.memberId)
    .uint8(member.instanceId === null ? 0 : staticFlag)
    .text(member.instanceId ?? '')
    .text(member.clientId)
    .text(member.clientHost)
    .uint32(member.sessionTimeoutMs)
    .uint32(member.rebalanceTimeoutMs)
    .uint16(member.protocols.length);
  for (const { name, metadata } of member.protocols) {
    writer.text(name).uint32(metadata.length).raw(metadata);
  }
  writer.uint32(member.assignment.length).raw(member.assignment);
}

export function decodeGeneration(reader: BodyReader): Generation {
  const number = reader.int32();
  const completedAt = reader.int64();
  const protocolType = reader.text();
  const protocol = reader.text();
  const leader = reader.text();
  const members = Array.from({ length: reader.uint32() }, () => decodeMember(reader));
  return { number, completedAt, protocolType, protocol, leader, members };
}

function decodeMember(reader: BodyReader): GenerationMember {
  const memberId = reader.text();
  const isStatic = (reader.uint8() & staticFlag) !== 0;
  const instanceId = reader.text();
  return {
    memberId,
    instanceId: isStatic ? instanceId : null,
    clientId: reader.text(),
    clientHost: reader.text(),
    sessionTimeoutMs: reader.uint32(),
    rebalanceTimeoutMs: reader.uint32(),
    protocols: Array.from({ length: reader.uint16() }, () => decodeProtocol(reader)),
    assignment: reader.raw(reader.uint32()),
  };
}

function decodeProtocol(reader: BodyReader): MemberProtocol {
  return { name: reader.text(), metadata: reader.raw(reader.uint32()) };
}

/** Also the end of a checkpointed offset, see group-objects.ts. */
export function encodeOffset(writer: BodyWriter, change: OffsetChange): void {
  writer
    .uint32(change.partitionId)
    .int64(change.offset)
    .int32(change.leaderEpoch)
    .text(change.metadata);
}

export function decodeOffset(reader: BodyReader): OffsetChange {
  return {
    partitionId: reader.uint32(),
    offset: reader.int64(),
    leaderEpoch: reader.int32(),
    metadata: reader.text(),
  };
}

export function encodeOffsetsRemoved(
  writer: BodyWriter,
  groupId: number,
  partitionIds: readonly number[],
): void {
  writer.uint32(groupId).uint32(partitionIds.length);
  for (const id of partitionIds) writer.uint32(id);
}
