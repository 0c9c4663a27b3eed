/**
 * For tests: Kafka connections on a real broker and a real server, with a disk, sockets, a loop and a
 * clock that the test moves by hand. Requests and answers go through the schemas, to the last byte.
 */
import assert from 'node:assert/strict';
import { TestBench, TestRandom } from '../../broker/broker.fixture.ts';
import type { Broker } from '../../broker/index.ts';
import type { BrokerOptions } from '../../broker/options.ts';
import { ByteWriter } from '../../kernel/byte-writer.ts';
import { copyOf, encodeUtf8, viewOf } from '../../kernel/bytes.ts';
import type { Logger, Scheduler, Timer } from '../../kernel/ports.ts';
import { silentLogger } from '../../kernel/silent-logger.ts';
import { batchSize } from '../../record/batch.ts';
import { type BatchOptions, buildBatch } from '../../record/batch-builder.ts';
import { readRecords } from '../../record/batch-reader.ts';
import { defaultServerLimits } from '../../server/limits.ts';
import { HandNet, HandSocket } from '../../server/server.fixture.ts';
import { Server } from '../../server/server.ts';
import type { Protocol } from '../contract.ts';
import { apiKeys, apiOf } from './api-keys.ts';
import { decodeFrom } from './decode.ts';
import { encode } from './encode.ts';
import { endResponse, lengthBytes } from './frame.ts';
import { kafka } from './index.ts';
import { Reader } from './reader.ts';
import { type DecodedOf, type DraftOf, type Message, zeroUuid } from './schema.ts';
import * as acls from './schemas/acls.ts';
import * as alterConfigs from './schemas/alter-configs.ts';
import * as apiVersions from './schemas/api-versions.ts';
import * as createPartitions from './schemas/create-partitions.ts';
import * as createTopics from './schemas/create-topics.ts';
import * as deleteGroups from './schemas/delete-groups.ts';
import * as deleteRecords from './schemas/delete-records.ts';
import * as deleteTopics from './schemas/delete-topics.ts';
import * as describeClientQuotas from './schemas/describe-client-quotas.ts';
import * as describeCluster from './schemas/describe-cluster.ts';
import * as describeConfigs from './schemas/describe-configs.ts';
import * as describeGroups from './schemas/describe-groups.ts';
import * as describeLogDirs from './schemas/describe-log-dirs.ts';
import * as describeTopicPartitions from './schemas/describe-topic-partitions.ts';
import * as fetch from './schemas/fetch.ts';
import * as findCoordinator from './schemas/find-coordinator.ts';
import * as heartbeat from './schemas/heartbeat.ts';
import * as initProducerId from './schemas/init-producer-id.ts';
import * as joinGroup from './schemas/join-group.ts';
import * as leaveGroup from './schemas/leave-group.ts';
import * as listConfigResources from './schemas/list-config-resources.ts';
import * as listGroups from './schemas/list-groups.ts';
import * as listOffsets from './schemas/list-offsets.ts';
import * as listPartitionReassignments from './schemas/list-partition-reassignments.ts';
import * as metadata from './schemas/metadata.ts';
import * as offsetCommit from './schemas/offset-commit.ts';
import * as offsetDelete from './schemas/offset-delete.ts';
import * as offsetFetch from './schemas/offset-fetch.ts';
import * as offsetForLeaderEpoch from './schemas/offset-for-leader-epoch.ts';
import * as produce from './schemas/produce.ts';
import * as syncGroup from './schemas/sync-group.ts';

/** Request and response of each API, with their types. */
const wire = {
  deleteRecords: [deleteRecords.deleteRecordsRequest, deleteRecords.deleteRecordsResponse],
  describeAcls: [acls.describeAclsRequest, acls.describeAclsResponse],
  createAcls: [acls.createAclsRequest, acls.createAclsResponse],
  deleteAcls: [acls.deleteAclsRequest, acls.deleteAclsResponse],
  describeConfigs: [
    describeConfigs.describeConfigsRequest,
    describeConfigs.describeConfigsResponse,
  ],
  alterConfigs: [alterConfigs.alterConfigsRequest, alterConfigs.alterConfigsResponse],
  incrementalAlterConfigs: [
    alterConfigs.incrementalAlterConfigsRequest,
    alterConfigs.incrementalAlterConfigsResponse,
  ],
  describeLogDirs: [
    describeLogDirs.describeLogDirsRequest,
    describeLogDirs.describeLogDirsResponse,
  ],
  createPartitions: [
    createPartitions.createPartitionsRequest,
    createPartitions.createPartitionsResponse,
  ],
  listPartitionReassignments: [
    listPartitionReassignments.listPartitionReassignmentsRequest,
    listPartitionReassignments.listPartitionReassignmentsResponse,
  ],
  describeClientQuotas: [
    describeClientQuotas.describeClientQuotasRequest,
    describeClientQuotas.describeClientQuotasResponse,
  ],
  listConfigResources: [
    listConfigResources.listConfigResourcesRequest,
    listConfigResources.listConfigResourcesResponse,
  ],
  describeTopicPartitions: [
    describeTopicPartitions.describeTopicPartitionsRequest,
    describeTopicPartitions.describeTopicPartitionsResponse,
  ],
  apiVersions: [apiVersions.apiVersionsRequest, apiVersions.apiVersionsResponse],
  createTopics: [createTopics.createTopicsRequest, createTopics.createTopicsResponse],
  deleteTopics: [deleteTopics.deleteTopicsRequest, deleteTopics.deleteTopicsResponse],
  describeCluster: [
    describeCluster.describeClusterRequest,
    describeCluster.describeClusterResponse,
  ],
  fetch: [fetch.fetchRequest, fetch.fetchResponse],
  findCoordinator: [
    findCoordinator.findCoordinatorRequest,
    findCoordinator.findCoordinatorResponse,
  ],
  initProducerId: [initProducerId.initProducerIdRequest, initProducerId.initProducerIdResponse],
  listOffsets: [listOffsets.listOffsetsRequest, listOffsets.listOffsetsResponse],
  metadata: [metadata.metadataRequest, metadata.metadataResponse],
  offsetForLeaderEpoch: [
    offsetForLeaderEpoch.offsetForLeaderEpochRequest,
    offsetForLeaderEpoch.offsetForLeaderEpochResponse,
  ],
  produce: [produce.produceRequest, produce.produceResponse],
  deleteGroups: [deleteGroups.deleteGroupsRequest, deleteGroups.deleteGroupsResponse],
  describeGroups: [describeGroups.describeGroupsRequest, describeGroups.describeGroupsResponse],
  heartbeat: [heartbeat.heartbeatRequest, heartbeat.heartbeatResponse],
  joinGroup: [joinGroup.joinGroupRequest, joinGroup.joinGroupResponse],
  leaveGroup: [leaveGroup.leaveGroupRequest, leaveGroup.leaveGroupResponse],
  listGroups: [listGroups.listGroupsRequest, listGroups.listGroupsResponse],
  offsetCommit: [offsetCommit.offsetCommitRequest, offsetCommit.offsetCommitResponse],
  offsetDelete: [offsetDelete.offsetDeleteRequest, offsetDelete.offsetDeleteResponse],
  offsetFetch: [offsetFetch.offsetFetchRequest, offsetFetch.offsetFetchResponse],
  syncGroup: [syncGroup.syncGroupRequest, syncGroup.syncGroupResponse],
} as const;

type Name = keyof typeof wire;
type RequestOf<N extends Name> = DraftOf<(typeof wire)[N][0]>;
export type ResponseOf<N extends Name> = DecodedOf<(typeof wire)[N][1]>;
type ProduceRow = ResponseOf<'produce'>['responses'][number]['partitionResponses'][number];
type FetchRow = ResponseOf<'fetch'>['responses'][number]['partitions'][number];

/** When the disk calls back: at once, or, while it is shut, when the test says so. */
class DiskGate implements Scheduler {
  loop: Scheduler | null = null;
  isShut = false;
  #waiting: (() => void)[] = [];

  endOfTick(task: () => void): void {
    if (this.isShut) this.#waiting.push(task);
    else this.loop?.endOfTick(task);
  }

  nextSlice(task: () => void): void {
    this.endOfTick(task);
  }

  after(): Timer {
    assert.fail('a disk has no timers');
  }

  open(): void {
    this.isShut = false;
    for (const task of this.#waiting.splice(0)) this.endOfTick(task);
  }
}

export class KafkaBench {
  readonly gate = new DiskGate();
  readonly bench: TestBench;
  readonly failures: Error[] = [];
  broker!: Broker;
  server!: Server;
  protocol!: Protocol;
  #net!: HandNet;
  /** Whatever is logged as an error is a failure: a handler that threw is one. */
  readonly #logger: Logger = {
    ...silentLogger,
    child: () => this.#logger,
    error: (event, fields) => this.failures.push(new Error(`${event} ${String(fields?.error)}`)),
  };

  constructor(options: Partial<BrokerOptions> = {}) {
    this.bench = new TestBench(options, 64 * 1024 * 1024, this.gate);
    this.gate.loop = this.bench.loop;
    this.#start();
  }

  #start(): void {
    const { loop } = this.bench;
    this.broker = this.bench.open();
    this.#net = new HandNet(loop);
    this.server = new Server({
      net: this.#net,
      clock: loop,
      scheduler: loop,
      logger: this.#logger,
      broker: this.broker,
      limits: defaultServerLimits,
      allowsRemote: false,
      onFailure: (error) => this.failures.push(error),
    });
    this.protocol = kafka.create({
      broker: this.broker,
      clock: loop,
      random: new TestRandom(2),
      scheduler: loop,
      offload: loop,
      logger: this.#logger,
    });
    const where = { host: '127.0.0.1', port: 9092, isFixed: true, advertised: null };
    this.server.listen({ name: 'kafka', protocol: this.protocol, ...where }, (error) => {
      assert.equal(error, null);
    });
    loop.settle();
  }

  connect(): TestClient {
    const socket = new HandSocket();
    this.#net.connect(socket);
    return new TestClient(this, socket);
  }

  settle(): void {
    this.bench.loop.settle();
    assert.deepEqual(this.failures, [], 'no assertion failed');
  }

  advance(ms: number): void {
    this.bench.loop.advance(ms);
    this.settle();
  }

  /** kill -9 and a new start on the same disk. */
  restart(): void {
    this.bench.crash();
    this.#start();
  }

  /** A topic made in process, committed. */
  topic(name: string, options: Readonly<Record<string, string>> = {}, partitions = 1) {
    const { topic, error } = this.broker.createTopic({
      name,
      partitions,
      replicationFactor: -1,
      options: new Map(Object.entries(options)),
      validateOnly: false,
    });
    assert.equal(error, null);
    assert.ok(topic);
    this.settle();
    return topic;
  }

  /** Nobody waits for anything of `topic`. */
  assertUnwatched(topic: string): void {
    for (const partition of this.broker.topic(topic)?.partitions ?? []) {
      assert.equal(partition.watchers, null, `${topic} ${partition.index} is not watched`);
    }
  }
}

export interface Answer {
  readonly correlationId: number;
  readonly body: unknown;
}

interface Sent {
  readonly name: Name;
  readonly version: number;
}

export class TestClient {
  readonly socket: HandSocket;
  readonly bench: KafkaBench;
  #correlationId = 100;
  readonly #sent = new Map<number, Sent>();
  #left: Uint8Array = new Uint8Array(0);

  constructor(bench: KafkaBench, socket: HandSocket) {
    this.bench = bench;
    this.socket = socket;
  }

  /** The frame of a request, and its correlation id. */
  frame<N extends Name>(name: N, version: number, draft: RequestOf<N>): Uint8Array {
    const api = apiOf(apiKeys[name]);
    assert.ok(api);
    const writer = new ByteWriter();
    const at = writer.reserve(lengthBytes);
    this.#correlationId++;
    this.#sent.set(this.#correlationId, { name, version });
    writer.int16(api.key);
    writer.int16(version);
    writer.int32(this.#correlationId);
    writer.int16(4);
    writer.utf8('test');
    if (version >= api.flexibleSince) writer.uint8(0);
    encode(wire[name][0] as Message, version, draft as DraftOf<Message>, writer);
    endResponse(writer, at, 0);
    return writer.toBytes();
  }

  /** Sends without letting anything happen after it was read. Returns the correlation id. */
  send<N extends Name>(name: N, version: number, draft: RequestOf<N>): number {
    this.socket.receive(this.frame(name, version, draft));
    return this.#correlationId;
  }

  /** The whole answers that have arrived since the last call. */
  answers(): Answer[] {
    this.#left = Buffer.concat([this.#left, this.socket.taken()]);
    const answers: Answer[] = [];
    for (;;) {
      const bytes = this.#left;
      const size = bytes.length < 4 ? Number.POSITIVE_INFINITY : 4 + viewOf(bytes).getInt32(0);
      if (bytes.length < size) return answers;
      answers.push(this.#decode(copyOf(bytes, 0, size)));
      this.#left = bytes.subarray(size);
    }
  }

  #decode(bytes: Uint8Array): Answer {
    const reader = new Reader();
    reader.reset(bytes, lengthBytes, bytes.length);
    const correlationId = reader.int32();
    const sent = this.#sent.get(correlationId);
    assert.ok(sent, `an answer to request ${correlationId}`);
    this.#sent.delete(correlationId);
    const api = apiOf(apiKeys[sent.name]);
    assert.ok(api);
    const isRefused = sent.version > api.max;
    const version = isRefused ? 0 : sent.version;
    if (version >= api.flexibleSince && sent.name !== 'apiVersions') reader.skipTags();
    const body = decodeFrom(wire[sent.name][1] as Message, version, reader);
    assert.equal(reader.position, reader.end, 'an answer is read to its end');
    return { correlationId, body };
  }

  /** Sends, lets everything happen that can at this time, and returns the one answer. */
  call<N extends Name>(name: N, version: number, draft: RequestOf<N>): ResponseOf<N> {
    const correlationId = this.send(name, version, draft);
    this.bench.settle();
    return this.answer<N>(correlationId);
  }

  /** As `call`, and timers that are due at this time fire. */
  ask<N extends Name>(name: N, version: number, draft: RequestOf<N>): ResponseOf<N> {
    const correlationId = this.send(name, version, draft);
    this.bench.advance(0);
    return this.answer<N>(correlationId);
  }

  /** The one answer that has arrived. */
  answer<N extends Name>(correlationId: number): ResponseOf<N> {
    const [answer, ...others] = this.answers();
    assert.ok(answer, 'there is an answer');
    assert.equal(others.length, 0, 'there is one answer');
    assert.equal(answer.correlationId, correlationId);
    return answer.body as ResponseOf<N>;
  }

  get isClosed(): boolean {
    return this.socket.isDestroyed || this.socket.hasEnded;
  }

  // ---- short ways for what most tests do ----

  produceDraft(topic: string, records: Uint8Array | null, extra: ProduceExtra = {}) {
    const { partition: index = 0, acks = -1, transactionalId = null } = extra;
    const name = { name: topic, topicId: extra.topicId ?? zeroUuid };
    const topicData = [{ ...name, partitionData: [{ index, records }] }];
    return { transactionalId, acks, timeoutMs: 1000, topicData };
  }

  produce(topic: string, records: Uint8Array | null, extra: ProduceExtra = {}): ProduceRow {
    const draft = this.produceDraft(topic, records, extra);
    const row = this.call('produce', extra.version ?? 12, draft).responses[0]
      ?.partitionResponses[0];
    assert.ok(row);
    return row;
  }

  fetch(topic: string, offset: number, extra: FetchExtra = {}): FetchRow {
    const row = this.call('fetch', extra.version ?? 12, fetchDraft([[topic, 0, offset]], extra))
      .responses[0]?.partitions[0];
    assert.ok(row);
    return row;
  }
}

export interface ProduceExtra {
  readonly version?: number;
  readonly partition?: number;
  readonly acks?: number;
  readonly transactionalId?: string | null;
  readonly topicId?: string;
}

export interface FetchExtra {
  readonly version?: number;
  readonly maxWaitMs?: number;
  readonly minBytes?: number;
  readonly maxBytes?: number;
  readonly partitionMaxBytes?: number;
  readonly isolationLevel?: number;
  readonly sessionId?: number;
  readonly sessionEpoch?: number;
  readonly currentLeaderEpoch?: number;
  readonly forgotten?: readonly (readonly [topic: string, partition: number])[];
}

/** `targets`: topic (its id from version 13), partition, offset. */
export function fetchDraft(
  targets: readonly (readonly [topic: string, partition: number, offset: number])[],
  extra: FetchExtra = {},
): RequestOf<'fetch'> {
  const usesIds = (extra.version ?? 12) >= 13;
  const named = (topic: string) => (usesIds ? { topicId: topic } : { topic });
  return {
    maxWaitMs: extra.maxWaitMs ?? 0,
    minBytes: extra.minBytes ?? 1,
    maxBytes: extra.maxBytes ?? 1024 * 1024,
    isolationLevel: extra.isolationLevel ?? 0,
    sessionId: extra.sessionId ?? 0,
    sessionEpoch: extra.sessionEpoch ?? -1,
    topics: targets.map(([topic, partition, fetchOffset]) => ({
      ...named(topic),
      partitions: [
        {
          partition,
          fetchOffset,
          partitionMaxBytes: extra.partitionMaxBytes ?? 1024 * 1024,
          currentLeaderEpoch: extra.currentLeaderEpoch ?? -1,
        },
      ],
    })),
    forgottenTopicsData: (extra.forgotten ?? []).map(([topic, partition]) => ({
      ...named(topic),
      partitions: [partition],
    })),
  };
}

/** One batch, a record for each value. */
export function batchOf(values: readonly string[], options: BatchOptions = {}): Uint8Array {
  return buildBatch(
    values.map((value) => ({ key: null, value: encodeUtf8(value), timestamp: 1_800_000_000_000 })),
    options,
  );
}

/** `offset:value` of every record in these batches. */
export function recordsIn(batches: Uint8Array | null): string[] {
  assert.ok(batches, 'records are not null');
  const view = viewOf(batches);
  const found: string[] = [];
  for (let at = 0; at < batches.length; at += batchSize(view, at)) {
    for (const { offset, value } of readRecords(batches, view, at, 1 << 20)) {
      found.push(`${offset}:${Buffer.from(value ?? []).toString()}`);
    }
  }
  return found;
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}
