/**
 * Produce: every partition's batch is checked and appended, the answer is encoded while the request is
 * walked, and leaves when the last of the appends is committed.
 *
 * HOT. With acks 0 there is no answer; an error then closes the connection, so that the client looks
 * where its partitions are.
 */
import { AppendOutcome, type Partition, type Topic } from '../../../broker/index.ts';
import type { Slab } from '../../../kernel/slab.ts';
import { batchCodec, batchHeaderBytes } from '../../../record/batch.ts';
import { kafkaErrors } from '../error-codes.ts';
import { toKafkaError } from '../errors.ts';
import { ProduceRequest } from '../produce-request.ts';
import { ProduceResponse } from '../produce-response.ts';
import type { KafkaRequest } from '../request.ts';
import type { TopicFinder } from '../topic-finder.ts';

const oldestAnswered = 3;
const zstdSince = 7;
const zstdCodec = 4;

/** The produces of one connection: what is reused from request to request. */
export class ProduceHandler {
  readonly #finder: TopicFinder;
  readonly #produce = new ProduceRequest();
  readonly #response = new ProduceResponse();
  readonly #outcome = new AppendOutcome();
  /** What the answer waits for, and whether any partition was refused. */
  #lsn = 0;
  #hasRefused = false;
  /** An error that meets the whole request; 0 for none. */
  #requestError = 0;

  constructor(finder: TopicFinder) {
    this.#finder = finder;
  }

  handle(request: KafkaRequest, slab: Slab): void {
    const { link, reader, head, services } = request;
    const produce = this.#produce;
    link.isPublisher = true;
    produce.begin(reader, head.version);
    this.#requestError = findRequestError(produce, head.version);
    this.#lsn = 0;
    this.#hasRefused = false;
    const { outbox } = link;
    this.#response.begin(outbox.writer, head.version, head.correlationId, produce.topicCount);
    while (produce.nextTopic()) this.#handleTopic(request, slab);
    this.#response.end(0);
    if (produce.acks !== 0) return outbox.seal(this.#lsn);
    outbox.discard();
    if (this.#hasRefused) link.end();
    else if (services.broker.fault !== null) link.destroy('the broker is fenced');
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
    const { partition: index, recordsStart } = this.#produce;
    if (this.#requestError !== 0) return this.#refuse(index, this.#requestError, null);
    const partition = topic?.partitions[index];
    if (partition === undefined) {
      // Not there, or not there any more: true once the catalog's last change is committed.
      this.#lsn = Math.max(this.#lsn, request.services.broker.catalogLsn);
      const code = topic === undefined ? missing : kafkaErrors.unknownTopicOrPartition;
      return this.#refuse(index, code, null);
    }
    if (recordsStart < 0) return this.#refuse(index, kafkaErrors.invalidRecord, 'no records');
    if (this.#isZstdTooEarly(request)) {
      return this.#refuse(index, kafkaErrors.unsupportedCompressionType, null);
    }
    this.#append(request, slab, partition);
  }

  #append({ services }: KafkaRequest, slab: Slab, partition: Partition): void {
    const { recordsStart, recordsEnd } = this.#produce;
    const outcome = this.#outcome;
    services.broker.append(partition, slab.bytes, recordsStart, recordsEnd, slab, outcome);
    if (outcome.lsn > this.#lsn) this.#lsn = outcome.lsn;
    const { error, baseOffset, logAppendTime, logStart } = outcome;
    if (error === null) {
      return this.#response.appended(partition.index, baseOffset, logAppendTime, logStart);
    }
    this.#hasRefused = true;
    const recordErrors =
      outcome.recordErrorIndex < 0
        ? undefined
        : [{ batchIndex: outcome.recordErrorIndex, message: outcome.detail }];
    const code = toKafkaError(error);
    const detail = outcome.detail === '' ? null : outcome.detail;
    this.#response.refused(partition.index, code, logStart, detail, recordErrors);
  }

  #refuse(index: number, code: number, detail: string | null): void {
    this.#hasRefused = true;
    this.#response.refused(index, code, -1, detail);
  }

  /** [KIP-110] */
  #isZstdTooEarly({ head, reader }: KafkaRequest): boolean {
    const { recordsStart, recordsEnd } = this.#produce;
    if (head.version >= zstdSince || recordsEnd - recordsStart < batchHeaderBytes) return false;
    return batchCodec(reader.view, recordsStart) === zstdCodec;
  }
}

function findRequestError(produce: ProduceRequest, version: number): number {
  if (version < oldestAnswered) return kafkaErrors.unsupportedVersion;
  if (produce.transactionalIdStart >= 0) return kafkaErrors.invalidRequest;
  const { acks } = produce;
  return acks === 0 || acks === 1 || acks === -1 ? 0 : kafkaErrors.invalidRequiredAcks;
}
