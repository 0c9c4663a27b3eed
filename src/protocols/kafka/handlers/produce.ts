/**
 * Produce: every partition's batch is checked and appended, the answer is encoded while the request is
 * walked, and leaves when the last of the appends is committed.
 *
 * HOT. With acks 0 there is no answer; an error then closes the connection, so that the client looks
 * where its partitions are.
 */
import { AppendOutcome, inspected, type Partition, type Topic } from '../../../broker/index.ts';
import { ByteWriter } from '../../../kernel/byte-writer.ts';
import type { Slab } from '../../../kernel/slab.ts';
import {
  batchCodec,
  batchField,
  batchHeaderBytes,
  batchMagic,
  batchVersion,
} from '../../../record/batch.ts';
import { kafkaErrors } from '../error-codes.ts';
import { describeError, toKafkaError } from '../errors.ts';
import { ProduceRequest } from '../produce-request.ts';
import { ProduceResponse } from '../produce-response.ts';
import type { KafkaRequest } from '../request.ts';
import type { TopicFinder } from '../topic-finder.ts';

const oldestAnswered = 3;
const zstdSince = 7;
const zstdCodec = 4;
const unsentBytesMax = 4096;
/** What the batches of one request may decompress to, where the broker has to look inside of them. */
const inspectedBytesMax = 32 * 1024 * 1024;

/** The produces of one connection: what is reused from request to request. */
export class ProduceHandler {
  readonly #finder: TopicFinder;
  readonly #produce = new ProduceRequest();
  readonly #response = new ProduceResponse();
  readonly #outcome = new AppendOutcome();
  /** Where answers go that nobody waits for. */
  readonly #unsent = new ByteWriter();
  /** What the answer waits for, and whether any partition was refused. */
  #lsn = 0;
  #hasRefused = false;
  /** An error that meets the whole request; 0 for none. */
  #requestError = 0;
  /** Where the count of bytes looked at stood when the request came. */
  #inspectedBefore = 0;

  constructor(finder: TopicFinder) {
    this.#finder = finder;
  }

  handle(request: KafkaRequest, slab: Slab): void {
    const { link, reader, head } = request;
    const produce = this.#produce;
    link.isPublisher = true;
    produce.begin(reader, head.version);
    this.#requestError = findRequestError(produce, head.version);
    this.#lsn = 0;
    this.#hasRefused = false;
    this.#inspectedBefore = inspected.bytes;
    const { outbox } = link;
    const isAnswered = produce.acks !== 0;
    if (!isAnswered) this.#unsent.reset(unsentBytesMax);
    const writer = isAnswered ? outbox.writer : this.#unsent;
    this.#response.begin(writer, head.version, head.correlationId, produce.topicCount);
    while (produce.nextTopic()) this.#handleTopic(request, slab);
    this.#response.end(0);
    if (isAnswered) outbox.seal(this.#lsn);
    else if (this.#hasRefused) link.end();
  }

  #handleTopic(request: KafkaRequest, slab: Slab): void {
    const produce = this.#produce;
    const { bytes } = request.reader;
    let topic: Topic | undefined;
    let missing: number;
    if (produce.topicIdStart >= 0) {
      topic = this.#finder.byId(bytes, produce.topicIdStart);
      missing = kafkaErrors.unknownTopicId;
      this.#response.topicId(bytes, produce.topicIdStart, produce.partitionCount);
    } else {
      const { topicNameStart, topicNameEnd, partitionCount } = produce;
      topic = this.#finder.byName(bytes, topicNameStart, topicNameEnd);
      missing = kafkaErrors.unknownTopicOrPartition;
      this.#response.topicName(bytes, topicNameStart, topicNameEnd, partitionCount);
    }
    while (produce.nextPartition()) this.#handlePartition(request, slab, topic, missing);
    this.#response.endTopic();
  }

  #handlePartition(
    request: KafkaRequest,
    slab: Slab,
    topic: Topic | undefined,
    missing: number,
  ): void {
    const { partition: index } = this.#produce;
    if (this.#requestError !== 0) return this.#refuse(index, this.#requestError, null);
    const partition = topic?.partitions[index];
    if (partition === undefined) {
      // Not there, or not there any more: true once the catalog's last change is committed.
      this.#lsn = Math.max(this.#lsn, request.services.broker.catalogLsn);
      const code = topic === undefined ? missing : kafkaErrors.unknownTopicOrPartition;
      return this.#refuse(index, code, null);
    }
    if (partition.topic.isInternal) {
      return this.#refuse(index, kafkaErrors.invalidTopicException, 'the topic is internal');
    }
    const formError = this.#findFormError(request);
    if (formError === kafkaErrors.none) return this.#append(request, slab, partition);
    this.#refuse(index, formError, null);
  }

  #append({ services }: KafkaRequest, slab: Slab, partition: Partition): void {
    const { recordsStart, recordsEnd } = this.#produce;
    const outcome = this.#outcome;
    services.broker.append(partition, slab.bytes, recordsStart, recordsEnd, slab, outcome);
    const { error, baseOffset, logAppendTime, logStart } = outcome;
    if (error === null) {
      this.#lsn = Math.max(this.#lsn, outcome.lsn);
      return this.#response.appended(partition.index, baseOffset, logAppendTime, logStart);
    }
    this.#hasRefused = true;
    // The reason may be a batch before it that is not committed yet.
    this.#lsn = Math.max(this.#lsn, partition.lastLsn);
    const recordErrors =
      outcome.recordErrorIndex < 0
        ? undefined
        : [{ batchIndex: outcome.recordErrorIndex, message: outcome.detail }];
    const code = toKafkaError(error);
    const message = describeError(error, outcome.detail);
    this.#response.refused(partition.index, code, logStart, message, recordErrors);
  }

  #refuse(index: number, code: number, detail: string | null): void {
    this.#hasRefused = true;
    this.#response.refused(index, code, -1, detail);
  }

  /** What is wrong with the form that the records have, for this version of the request. */
  // HOT
  #findFormError({ head, reader }: KafkaRequest): number {
    const { recordsStart, recordsEnd } = this.#produce;
    const size = recordsEnd - recordsStart;
    if (recordsStart < 0 || size === 0) return kafkaErrors.invalidRecord;
    if (size > batchField.magic) {
      const magic = batchMagic(reader.view, recordsStart);
      if (magic >= 0 && magic < batchVersion) return kafkaErrors.invalidRecord;
    }
    // [KIP-110]
    if (size < batchHeaderBytes) return kafkaErrors.none;
    const codec = batchCodec(reader.view, recordsStart);
    if (codec === zstdCodec && head.version < zstdSince) {
      return kafkaErrors.unsupportedCompressionType;
    }
    const isOver = inspected.bytes - this.#inspectedBefore > inspectedBytesMax;
    return isOver && codec !== 0 ? kafkaErrors.messageTooLarge : kafkaErrors.none;
  }
}

function findRequestError(produce: ProduceRequest, version: number): number {
  if (version < oldestAnswered) return kafkaErrors.unsupportedVersion;
  if (produce.transactionalIdStart >= 0) return kafkaErrors.invalidRequest;
  const { acks } = produce;
  return acks === 0 || acks === 1 || acks === -1 ? 0 : kafkaErrors.invalidRequiredAcks;
}
