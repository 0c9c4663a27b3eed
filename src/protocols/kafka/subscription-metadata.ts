/**
 * Which topics a member of a consumer group subscribes to, from what it says for its protocol:
 *
 *     int16 version | int32 count | count x (int16 length, topic) | what later versions added
 *
 * To everybody else these bytes are opaque, and members of other protocol types may put anything
 * there: what cannot be read says nothing.
 */

import { decodeUtf8 } from '../../kernel/bytes.ts';
import { ProtocolViolation } from '../../kernel/errors.ts';
import { Reader } from './reader.ts';

const consumerType = 'consumer';
/** Bytes of an empty topic name. */
const nameBytesMin = 2;

/** Null: it does not say. */
export function readSubscribedTopics(
  protocolType: string,
  metadata: Uint8Array,
): readonly string[] | null {
  if (protocolType !== consumerType) return null;
  const reader = new Reader();
  reader.reset(metadata, 0, metadata.length);
  try {
    return readTopics(reader);
  } catch (error) {
    if (error instanceof ProtocolViolation) return null;
    throw error;
  }
}

function readTopics(reader: Reader): readonly string[] | null {
  const version = reader.int16();
  const count = reader.arrayCount(false, nameBytesMin);
  if (version < 0 || count < 0) return null;
  const topics: string[] = [];
  for (let i = 0; i < count; i++) {
    const length = reader.stringLength(false);
    if (length < 0) return null;
    const at = reader.take(length);
    topics.push(decodeUtf8(reader.bytes, at, at + length));
  }
  return topics;
}
