/**
 * From the bytes of a topic name or id to the topic.
 *
 * Owns: the memory of the last one found: connections repeat themselves, and decoding a string for every
 * request would be most of the work of a small produce.
 */
import type { Broker, Topic } from '../../broker/index.ts';
import { decodeUtf8, equalRanges, formatUuidShort } from '../../kernel/bytes.ts';

const NAME_BYTES_MAX = 249;

export class TopicFinder {
  readonly #broker: Broker;
  readonly #name = new Uint8Array(NAME_BYTES_MAX);
  #nameLength = -1;
  #topic: Topic | null = null;

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  /** HOT, per topic of a produce. */
  byName(bytes: Uint8Array, start: number, end: number): Topic | undefined {
    const length = end - start;
    const last = this.#topic;
    if (last !== null && length === this.#nameLength && !last.isDeleted) {
      if (equalRanges(bytes, start, end, this.#name, 0, length)) return last;
    }
    if (length > NAME_BYTES_MAX) return undefined;
    const topic = this.#broker.topic(decodeUtf8(bytes, start, end));
    if (topic === undefined) return undefined;
    this.#name.set(bytes.subarray(start, end));
    this.#nameLength = length;
    this.#topic = topic;
    return topic;
  }

  byId(bytes: Uint8Array, start: number): Topic | undefined {
    const last = this.#topic;
    if (last !== null && !last.isDeleted && equalRanges(bytes, start, start + 16, last.uuid, 0, 16))
      return last;
    const topic = this.#broker.topicByUuid(formatUuidShort(bytes, start));
    if (topic !== undefined) {
      this.#topic = topic;
      this.#nameLength = -1;
    }
    return topic;
  }
}
