/**
 * One Kafka connection: frames to handlers, in order.
 *
 * Owns: where a frame ends, what happens with requests that are not understood.
 * Leaves: sockets and the order of answers to the server, each API to its handler.
 *
 * A request that is parked holds the link: those behind it wait, as in the original.
 */
import { inspected } from '../../broker/index.ts';
import { ProtocolViolation } from '../../kernel/errors.ts';
import type { Slab } from '../../kernel/slab.ts';
import type { Link, ProtocolConnection } from '../contract.ts';
import { apiKeys } from './api-keys.ts';
import { lengthBytes, measureFrame, RequestHeader, requestBytesMax } from './frame.ts';
import { handleCreateAcls, handleDeleteAcls, handleDescribeAcls } from './handlers/acls.ts';
import { handleAlterConfigs, handleIncrementalAlterConfigs } from './handlers/alter-configs.ts';
import { handleApiVersions, refuseApiVersions } from './handlers/api-versions.ts';
import { handleCreatePartitions } from './handlers/create-partitions.ts';
import { handleCreateTopics } from './handlers/create-topics.ts';
import { handleDeleteGroups } from './handlers/delete-groups.ts';
import { handleDeleteRecords } from './handlers/delete-records.ts';
import { handleDeleteTopics } from './handlers/delete-topics.ts';
import { handleDescribeClientQuotas } from './handlers/describe-client-quotas.ts';
import { handleDescribeCluster } from './handlers/describe-cluster.ts';
import { handleDescribeConfigs } from './handlers/describe-configs.ts';
import { handleDescribeGroups } from './handlers/describe-groups.ts';
import { handleDescribeLogDirs } from './handlers/describe-log-dirs.ts';
import { handleDescribeTopicPartitions } from './handlers/describe-topic-partitions.ts';
import { FetchHandler } from './handlers/fetch.ts';
import { handleFindCoordinator } from './handlers/find-coordinator.ts';
import { handleHeartbeat } from './handlers/heartbeat.ts';
import { handleInitProducerId } from './handlers/init-producer-id.ts';
import { handleJoinGroup } from './handlers/join-group.ts';
import { handleLeaveGroup } from './handlers/leave-group.ts';
import { handleListConfigResources } from './handlers/list-config-resources.ts';
import { handleListGroups } from './handlers/list-groups.ts';
import { handleListOffsets } from './handlers/list-offsets.ts';
import { handleListPartitionReassignments } from './handlers/list-partition-reassignments.ts';
import { handleMetadata } from './handlers/metadata.ts';
import { handleOffsetCommit } from './handlers/offset-commit.ts';
import { handleOffsetDelete } from './handlers/offset-delete.ts';
import { handleOffsetFetch } from './handlers/offset-fetch.ts';
import { handleOffsetForLeaderEpoch } from './handlers/offset-for-leader-epoch.ts';
import { ProduceHandler } from './handlers/produce.ts';
import { handleSyncGroup } from './handlers/sync-group.ts';
import { Parking } from './parking.ts';
import { Reader } from './reader.ts';
import { headOf, type KafkaRequest } from './request.ts';
import type { KafkaServices } from './services.ts';
import { TopicFinder } from './topic-finder.ts';

/** What is rare and short: one function each. Produce and fetch keep state per connection. */
const handlers: Readonly<Record<number, (request: KafkaRequest) => void>> = {
  [apiKeys.apiVersions]: handleApiVersions,
  [apiKeys.metadata]: handleMetadata,
  [apiKeys.createTopics]: handleCreateTopics,
  [apiKeys.deleteTopics]: handleDeleteTopics,
  [apiKeys.listOffsets]: handleListOffsets,
  [apiKeys.initProducerId]: handleInitProducerId,
  [apiKeys.offsetForLeaderEpoch]: handleOffsetForLeaderEpoch,
  [apiKeys.describeCluster]: handleDescribeCluster,
  [apiKeys.findCoordinator]: handleFindCoordinator,
  [apiKeys.deleteRecords]: handleDeleteRecords,
  [apiKeys.describeAcls]: handleDescribeAcls,
  [apiKeys.createAcls]: handleCreateAcls,
  [apiKeys.deleteAcls]: handleDeleteAcls,
  [apiKeys.describeConfigs]: handleDescribeConfigs,
  [apiKeys.alterConfigs]: handleAlterConfigs,
  [apiKeys.describeLogDirs]: handleDescribeLogDirs,
  [apiKeys.createPartitions]: handleCreatePartitions,
  [apiKeys.incrementalAlterConfigs]: handleIncrementalAlterConfigs,
  [apiKeys.listPartitionReassignments]: handleListPartitionReassignments,
  [apiKeys.describeClientQuotas]: handleDescribeClientQuotas,
  [apiKeys.listConfigResources]: handleListConfigResources,
  [apiKeys.describeTopicPartitions]: handleDescribeTopicPartitions,
  [apiKeys.joinGroup]: handleJoinGroup,
  [apiKeys.syncGroup]: handleSyncGroup,
  [apiKeys.heartbeat]: handleHeartbeat,
  [apiKeys.leaveGroup]: handleLeaveGroup,
  [apiKeys.offsetCommit]: handleOffsetCommit,
  [apiKeys.offsetFetch]: handleOffsetFetch,
  [apiKeys.describeGroups]: handleDescribeGroups,
  [apiKeys.listGroups]: handleListGroups,
  [apiKeys.deleteGroups]: handleDeleteGroups,
  [apiKeys.offsetDelete]: handleOffsetDelete,
};

/** With more than this to decompress for a produce, others come first: some milliseconds of work. */
const quickBytesMax = 1024 * 1024;

export class KafkaConnection implements ProtocolConnection {
  frameBytes = 0;
  isClosed = false;
  readonly #services: KafkaServices;
  readonly #link: Link;
  readonly #reader = new Reader();
  readonly #header = new RequestHeader();
  /** Of a produce, which keeps nothing: filled anew for each. */
  readonly #produceHead = { apiKey: 0, version: 0, isFlexible: false, correlationId: 0 };
  readonly #produceRequest: KafkaRequest;
  readonly #produce: ProduceHandler;
  readonly #fetch: FetchHandler;
  readonly #parking: Parking;

  constructor(services: KafkaServices, link: Link) {
    this.#services = services;
    this.#link = link;
    this.#parking = new Parking(link);
    this.#produceRequest = {
      services,
      link,
      reader: this.#reader,
      head: this.#produceHead,
      header: this.#header,
      life: this,
      parking: this.#parking,
    };
    this.#produce = new ProduceHandler(new TopicFinder(services.broker));
    this.#fetch = new FetchHandler(services, link, this);
  }

  receive(slab: Slab, start: number, end: number): number {
    let at = start;
    try {
      for (;;) {
        if (this.#link.isHeld || this.#link.isCongested || this.isClosed) break;
        this.frameBytes = measureFrame(slab.view, at, end, requestBytesMax);
        if (this.frameBytes === 0 || at + this.frameBytes > end) break;
        const frameEnd = at + this.frameBytes;
        this.#handle(slab, at + lengthBytes, frameEnd);
        at = frameEnd;
        this.frameBytes = 0;
      }
    } catch (error) {
      // A request is walked to its end before anything is done or written: nothing was half done.
      if (!(error instanceof ProtocolViolation)) throw error;
      this.#link.outbox.discard();
      this.#close(error.message);
    }
    return at;
  }

  #close(reason: string): void {
    this.isClosed = true;
    this.#link.destroy(reason);
  }

  #handle(slab: Slab, start: number, end: number): void {
    const reader = this.#reader;
    const header = this.#header;
    reader.reset(slab.bytes, start, end, slab.view);
    const outcome = header.read(reader);
    if (outcome !== 'ok') {
      if (header.apiKey === apiKeys.apiVersions) {
        return refuseApiVersions(this.#link, header.correlationId);
      }
      return this.#close(`request ${header.apiKey} version ${header.apiVersion} is not served`);
    }
    if (header.apiKey === apiKeys.produce) return this.#handleProduce(slab);
    const request = {
      services: this.#services,
      link: this.#link,
      reader,
      head: headOf(header),
      header,
      life: this,
      parking: this.#parking,
    };
    if (header.apiKey === apiKeys.fetch) return this.#fetch.handle(request);
    handlers[header.apiKey]?.(request);
  }

  // HOT
  #handleProduce(slab: Slab): void {
    const header = this.#header;
    const head = this.#produceHead;
    head.version = header.apiVersion;
    head.isFlexible = header.isFlexible;
    head.correlationId = header.correlationId;
    const before = inspected.bytes;
    this.#produce.handle(this.#produceRequest, slab);
    if (inspected.bytes - before > quickBytesMax) this.#services.slowTurns.wait(this.#link, this);
  }

  onEnd(): void {
    // It may be gone altogether: what waits long for records or members must not keep its connection.
    this.#finish();
  }

  onShutdown(): void {
    this.#finish();
  }

  #finish(): void {
    this.#fetch.finish();
    this.#parking.finish();
  }

  onClose(): void {
    this.isClosed = true;
    this.#fetch.close();
    this.#parking.close();
  }
}
