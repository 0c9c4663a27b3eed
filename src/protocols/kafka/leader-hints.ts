/**
 * The tagged fields with which Produce and Fetch answers name the current leader [KIP-951], so that
 * a client that asked the wrong broker need not ask for metadata.
 *
 *     partition, tag 0 (Produce) or 1 (Fetch)   int32 leader id | int32 leader epoch | no tags
 *     response, tag 0                           array of {int32 node id, string host, int32 port,
 *                                               string rack or null, no tags}
 *
 * Owns: those two sections, written whole: count, tag, size, value.
 */

import type { ByteWriter } from '../../kernel/byte-writer.ts';
import { utf8Length } from '../../kernel/bytes.ts';
import { varintSize } from '../../kernel/varint.ts';
import { stringSize, writeArrayCount, writeString } from './writer.ts';

export interface NodeEndpoint {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
}

export const noEndpoints: readonly NodeEndpoint[] = [];

const leaderBytes = 9;

/** The tagged section of a partition. A leader id of -1 leaves it empty. */
// HOT: nearly always the one byte 0.
export function writeLeader(
  writer: ByteWriter,
  tag: number,
  leaderId: number,
  epoch: number,
): void {
  if (leaderId < 0) {
    writer.uint8(0);
    return;
  }
  writer.uint8(1);
  writer.uint8(tag);
  writer.uint8(leaderBytes);
  writer.int32(leaderId);
  writer.int32(epoch);
  writer.uint8(0);
}

/** Bytes that `writeLeader` writes. */
export function leaderSize(hasLeader: boolean): number {
  return hasLeader ? 3 + leaderBytes : 1;
}

/** The tagged section of a response. */
export function writeEndpoints(writer: ByteWriter, endpoints: readonly NodeEndpoint[]): void {
  if (endpoints.length === 0) {
    writer.uint8(0);
    return;
  }
  writer.uint8(1);
  writer.uint8(0);
  writer.uvarint(endpointsValueSize(endpoints));
  writeArrayCount(writer, true, endpoints.length);
  for (const endpoint of endpoints) {
    writer.int32(endpoint.nodeId);
    writeString(writer, true, endpoint.host);
    writer.int32(endpoint.port);
    writeString(writer, true, endpoint.rack);
    writer.uint8(0);
  }
}

/** Bytes that `writeEndpoints` writes. */
export function endpointsSize(endpoints: readonly NodeEndpoint[]): number {
  if (endpoints.length === 0) return 1;
  const size = endpointsValueSize(endpoints);
  return 2 + varintSize(size) + size;
}

function endpointsValueSize(endpoints: readonly NodeEndpoint[]): number {
  let size = varintSize(endpoints.length + 1);
  for (const { host, rack } of endpoints) {
    size += 9 + stringSize(true, utf8Length(host));
    size += stringSize(true, rack === null ? -1 : utf8Length(rack));
  }
  return size;
}
