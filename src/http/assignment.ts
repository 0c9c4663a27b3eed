/**
 * What the leader of a group of type `consumer` gave to a member: the form in which members of all
 * client libraries tell each other, big-endian.
 *
 *     version u16 | topic count i32 | per topic: name (length i16, UTF-8), partition count i32,
 *                                     partitions i32 each | user data (ignored)
 *
 * Written by clients, so hostile: what cannot be read is null.
 */

import { decodeUtf8Strict, viewOf } from '../kernel/bytes.ts';

export interface AssignedTopic {
  readonly topic: string;
  readonly partitions: readonly number[];
}

export function readAssignment(protocolType: string, bytes: Uint8Array): AssignedTopic[] | null {
  if (protocolType !== 'consumer' || bytes.length < 6) return null;
  const view = viewOf(bytes);
  const topics: AssignedTopic[] = [];
  try {
    let at = 6;
    for (let left = view.getInt32(2); left > 0; left--) {
      const nameEnd = at + 2 + Math.max(0, view.getInt16(at));
      const topic = decodeUtf8Strict(bytes, at + 2, nameEnd);
      const count = view.getInt32(nameEnd);
      at = nameEnd + 4;
      if (topic === null || count < 0 || count > (bytes.length - at) / 4) return null;
      const partitions = Array.from({ length: count }, (_, i) => view.getInt32(at + i * 4));
      at += count * 4;
      topics.push({ topic, partitions });
    }
  } catch (error) {
    // Past the end. By its name: under Jest the error's class belongs to another realm.
    if ((error as { name?: unknown }).name === 'RangeError') return null;
    throw error;
  }
  return topics;
}
