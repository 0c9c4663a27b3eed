/**
 * The façade: the broker as protocols, the embedding program and the simulation see it.
 *
 * Owns: putting the parts together, the life of the whole, what happens on a commit and on a fault.
 * Leaves: everything else to the parts.
 *
 * Answers computed here wait for the LSN that comes with them; `commits` says when it is committed.
 * After a fault nothing is accepted; while draining nothing is published, and reading goes on.
 */

import { assert } from '../kernel/assert.ts';
import { BrokerError, type BrokerErrorCode } from '../kernel/errors.ts';
import { type Disk, DiskError, type Ports } from '../kernel/ports.ts';
import type { Slab } from '../kernel/slab.ts';
import { Journal, type JournalOptions, type JournalUsage } from '../log/journal.ts';
import type { StateMachine } from '../log/machine.ts';
import type { PartitionLog } from '../log/partition-log.ts';
import type { ReadPlan } from '../log/read-plan.ts';
import type { RecoveryReport } from '../log/recovery.ts';
import type { Partition, Topic, Watcher } from './catalog/topic.ts';
import { TopicAdmin } from './catalog/topic-admin.ts';
import { offsetsTopicName, offsetsTopicPartitions } from './catalog/topic-name.ts';
import {
  checkTopicOption,
  defaultValueOf,
  findOptionConflict,
  parseTopicOptions,
} from './catalog/topic-options.ts';
import { CommitQueue, type Commits } from './commit.ts';
import { appendToMany, type FanOutParts } from './fan-out.ts';
import { planRead, type ReadStatus, unwatch, Waker, watch } from './fetch.ts';
import { GroupCoordinator, type GroupSurroundings, Groups } from './groups/index.ts';
import { spaceProbeBytes } from './limits.ts';
import type { BrokerOptions } from './options.ts';
import type {
  AppendOutcome,
  ChangeOutcome,
  CreateOutcome,
  DeleteRecordsOutcome,
  NewProducerId,
  StorageSpace,
  TopicSpec,
} from './outcomes.ts';
import { ProducerIds } from './producer-ids.ts';
import { Appender } from './publish.ts';
import { type PublishDone, Publisher, type PublishRequest } from './publisher.ts';
import { type DeclareOutcome, QueueService, type QueueSpec, Queues } from './queues/index.ts';
import { type RecordsDone, readRecordsFrom } from './record-read.ts';
import { Retention } from './retention.ts';
import { BrokerState } from './state.ts';
import {
  findByTimestamp,
  findMaxTimestamp,
  type LookupParts,
  type PositionDone,
} from './time-lookup.ts';

export class Broker {
  readonly options: BrokerOptions;
  readonly commits: Commits;
  /** Queue subscriptions; made by `declareQueue`. */
  readonly queues: QueueService;
  /** Consumer groups and their committed offsets. */
  readonly groups: GroupCoordinator;
  readonly #state: BrokerState;
  readonly #journal: Journal;
  readonly #commits: CommitQueue;
  readonly #admin: TopicAdmin;
  readonly #appender: Appender;
  readonly #producerIds: ProducerIds;
  readonly #retention: Retention;
  readonly #disk: Disk;
  readonly #publisher: Publisher;
  readonly #lookup: LookupParts;
  readonly #fanOut: FanOutParts;
  readonly #waker = new Waker();
  /** Watched partitions whose deletion is not committed yet. */
  readonly #dying = new Map<number, Partition>();
  #isDraining = false;

  /** @throws BrokerError unknown_config, invalid_config: a topic default is not one. */
  constructor(ports: Ports, options: BrokerOptions, journalOptions: JournalOptions) {
    checkTopicDefaults(options.topicDefaults);
    const { clock, scheduler } = ports;
    this.options = options;
    this.#disk = ports.disk;
    const queues = new Queues();
    const groups = new Groups();
    this.#state = new BrokerState(this.#surroundings(), queues, groups);
    queues.useRetention((topicId) => this.#isUntilSettled(topicId));
    const journal = new Journal(ports, journalOptions, this.#state);
    this.#journal = journal;
    this.queues = new QueueService(queues, journal, ports);
    const surroundings = this.#groupSurroundings();
    this.groups = new GroupCoordinator({ groups, log: journal, ports, options, surroundings });
    this.#lookup = { journal, offload: ports.offload };
    this.#commits = new CommitQueue(journal);
    this.commits = this.#commits;
    const state = this.#state;
    this.#retention = new Retention({ clock, scheduler, options, state }, journal);
    this.#admin = new TopicAdmin(
      {
        state,
        options,
        random: ports.random,
        logger: ports.logger,
        refusal: () => this.#refusal() ?? (this.isStorageFull ? 'storage_full' : null),
      },
      journal,
    );
    this.#appender = new Appender(
      {
        clock,
        producers: state.producers,
        refusal: () => this.#refusal(),
        makeRoomForProducer: (partition) => this.#retention.makeRoomForProducer(partition),
      },
      journal,
    );
    this.#fanOut = { clock, journal, appender: this.#appender };
    this.#producerIds = new ProducerIds(state.counters, journal);
    this.#publisher = new Publisher({
      clock,
      scheduler,
      journal,
      appender: this.#appender,
      commits: this.#commits,
      findTopic: (name) => this.#findOrCreate(name),
    });
    journal.onCommit((changed, highWatermark) => this.#onCommit(changed, highWatermark));
    journal.onReady(() => this.#publisher.flush());
    journal.onFault((error) => this.#onFault(error));
  }

  /** Recovers the state from the data folder. Nothing else may be called before `done` has been. */
  open(done: (error: Error | null, report: RecoveryReport | null) => void): void {
    this.#journal.open((error, report) => {
      if (error !== null) return done(error, report);
      this.#repair();
      this.queues.start();
      this.groups.start();
      for (const topic of this.topics()) this.queues.widen(topic);
      this.#retention.start();
      done(null, report);
    });
  }

  /** Nothing more is published or created; what is under way is finished. */
  drain(): void {
    this.#publisher.flush();
    if (this.#isDraining) return;
    this.#isDraining = true;
    this.groups.turnAway('draining');
  }

  /** Commits what is open and lets go of the data folder. */
  close(done: (error: Error | null) => void): void {
    this.drain();
    this.#retention.stop();
    if (this.#halt() === null) this.queues.drain();
    this.groups.stop('draining');
    this.#journal.close((error) => {
      const reason = error instanceof BrokerError ? error : new BrokerError('draining');
      this.#commits.fail(reason);
      done(error);
    });
  }

  get clusterId(): string {
    return this.options.clusterId;
  }

  get nodeId(): number {
    return this.options.nodeId;
  }

  get leaderEpoch(): number {
    return this.#journal.epoch;
  }

  /** What a "not found" answer waits for. */
  get catalogLsn(): number {
    return this.#state.catalog.lastLsn;
  }

  /** Publishers should not be read from now; `onReady` and commits tell when again. */
  get isCongested(): boolean {
    return this.#journal.isCongested;
  }

  /** Called when congestion may be over, apart from commits. */
  onReady(listener: () => void): void {
    this.#journal.onReady(listener);
  }

  /** No space for an ordinary batch; consuming and deleting go on. */
  get isStorageFull(): boolean {
    return this.#journal.admits(spaceProbeBytes) === 'full';
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Why the broker has stopped serving, or null. */
  get fault(): BrokerError | null {
    return this.#journal.fault;
  }

  /** Stops serving for good: an assertion has failed, here or in what serves the clients. */
  fence(error: BrokerError): void {
    this.#journal.fence(error);
  }

  /** Called once, when the broker has stopped serving. */
  onFault(listener: (error: BrokerError) => void): void {
    this.#journal.onFault(listener);
  }

  usage(): JournalUsage {
    return this.#journal.usage();
  }

  /** Null: the disk does not say. */
  storageSpace(): StorageSpace | null {
    try {
      return { totalBytes: this.#disk.totalBytes(), usableBytes: this.#disk.freeBytes() };
    } catch (error) {
      if (error instanceof DiskError) return null;
      throw error;
    }
  }

  topic(name: string): Topic | undefined {
    return this.#state.catalog.topic(name);
  }

  /** `uuidText`: 22 characters, see `Topic.uuidText`. */
  topicByUuid(uuidText: string): Topic | undefined {
    return this.#state.catalog.topicByUuid(uuidText);
  }

  topics(): Iterable<Topic> {
    return this.#state.catalog.topics();
  }

  get topicCount(): number {
    return this.#state.catalog.topicCount;
  }

  createTopic(spec: TopicSpec): CreateOutcome {
    return this.#admin.create(spec);
  }

  deleteTopic(topic: Topic): ChangeOutcome {
    const error = this.#halt();
    if (error !== null) return { error, detail: '', lsn: 0 };
    const outcome = this.#admin.delete(topic, () => this.queues.deleteOf(topic.id));
    if (outcome.error !== null) return outcome;
    // The topic first: while it is there, so are its offsets. What a crash leaves is made up for.
    this.groups.forgetPartitions(topic.partitions.map(({ id }) => id));
    for (const partition of topic.partitions) {
      if (partition.watchers !== null) this.#dying.set(partition.id, partition);
    }
    return { ...outcome, lsn: this.#journal.lastLsn };
  }

  /** `total` partitions from now on. */
  addPartitions(topic: Topic, total: number, validateOnly: boolean): ChangeOutcome {
    const outcome = this.#admin.addPartitions(topic, total, validateOnly);
    if (outcome.error !== null || validateOnly) return outcome;
    this.queues.widen(topic);
    return { ...outcome, lsn: this.#journal.lastLsn };
  }

  /** `overrides` are all there are from now on. */
  setTopicOptions(
    topic: Topic,
    overrides: ReadonlyMap<string, string>,
    validateOnly: boolean,
  ): ChangeOutcome {
    return this.#admin.setOptions(topic, overrides, validateOnly);
  }

  /** Makes a queue on a topic, or finds the one there is if it has the same options. */
  declareQueue(spec: QueueSpec): DeclareOutcome {
    const error = this.#refusal();
    if (error === null) return this.queues.declare(spec);
    return { error, detail: '', queue: null, isNew: false, lsn: 0 };
  }

  /** The value of an option where a topic does not override it. `name` is one of the table. */
  topicDefault(name: string): string {
    return defaultOf(this.options, name);
  }

  /** Before `offset`; -1 is the high watermark. */
  deleteRecords(partition: Partition, offset: number): DeleteRecordsOutcome {
    const error = this.#halt();
    if (error !== null) return { error, detail: '', lsn: 0, logStart: -1 };
    return this.#retention.deleteRecords(partition, offset);
  }

  /** See `Appender.append`. */
  // HOT
  append(
    partition: Partition,
    bytes: Uint8Array,
    start: number,
    end: number,
    slab: Slab | null,
    outcome: AppendOutcome,
  ): void {
    this.#appender.append(partition, bytes, start, end, slab, outcome);
  }

  /** See `appendToMany` in fan-out.ts. */
  appendToMany(
    partitions: readonly Partition[],
    bytes: Uint8Array,
    start: number,
    end: number,
    slab: Slab | null,
    outcome: AppendOutcome,
  ): void {
    appendToMany(this.#fanOut, partitions, { bytes, start, end, slab }, outcome);
  }

  newProducerId(): NewProducerId {
    const hasNoRoom = this.#producerIds.needsSpace && this.isStorageFull;
    const error = this.#refusal() ?? (hasNoRoom ? 'storage_full' : null);
    if (error !== null) return { error, producerId: -1, lsn: 0 };
    const producerId = this.#producerIds.take();
    return { error: null, producerId, lsn: this.#producerIds.lsn };
  }

  /** See `planRead` in fetch.ts. */
  // HOT
  planRead(
    partition: Partition,
    offset: number,
    maxBytes: number,
    plan: ReadPlan,
    ready: () => void,
  ): ReadStatus {
    return planRead(this.#journal, partition, offset, maxBytes, plan, ready);
  }

  watch(partition: Partition, watcher: Watcher): void {
    watch(partition, watcher);
  }

  unwatch(partition: Partition, watcher: Watcher): void {
    unwatch(partition, watcher);
  }

  /** The first record at or after `timestamp`, below the high watermark. May call back at once. */
  offsetForTimestamp(partition: Partition, timestamp: number, done: PositionDone): void {
    findByTimestamp(this.#lookup, partition, timestamp, done);
  }

  /** The first record with the largest timestamp, below the high watermark. May call back at once. */
  offsetOfMaxTimestamp(partition: Partition, done: PositionDone): void {
    findMaxTimestamp(this.#lookup, partition, done);
  }

  /** The end of the largest epoch up to `epoch`; both -1 if there is none [KIP-101]. */
  endOffsetForEpoch(
    partition: Partition,
    epoch: number,
  ): { readonly epoch: number; readonly endOffset: number } {
    return partition.log.endOfEpoch(epoch);
  }

  /** See `Publisher.publish`. */
  publish(request: PublishRequest, done: PublishDone): void {
    this.#publisher.publish(request, done);
  }

  /** See `readRecordsFrom` in record-read.ts. */
  readRecords(partition: Partition, offset: number, maxBytes: number, done: RecordsDone): void {
    readRecordsFrom(this.#journal, partition, offset, maxBytes, done);
  }

  /** Asks for a checkpoint. */
  checkpoint(): void {
    this.#journal.checkpoint();
  }

  /** The two whose state a replay has to reproduce: for the simulation, which compares them. */
  get replayed(): { readonly journal: Journal; readonly state: StateMachine } {
    return { journal: this.#journal, state: this.#state };
  }

  /** Lets go now of what retention would let go at its next round. */
  applyRetention(): void {
    this.#retention.run();
  }

  #surroundings() {
    const { options } = this;
    return {
      partitionLog: (id: number) => this.#journal.partition(id),
      leaderEpoch: () => this.#journal.epoch,
      parseOptions: (overrides: ReadonlyMap<string, string>) =>
        parseTopicOptions((name) => overrides.get(name) ?? defaultOf(options, name)),
    };
  }

  #groupSurroundings(): GroupSurroundings {
    return {
      halt: () => this.#halt(),
      refusal: () => this.#refusal(),
      isStorageFull: () => this.isStorageFull,
      isReserveShort: () => this.#journal.isReserveShort,
      partition: (id) => this.#state.catalog.partition(id),
      beforeCreate: () => this.#showOffsetsTopic(),
    };
  }

  /** Clients expect to see where offsets are kept, as soon as there are any. Nothing is in it. */
  #showOffsetsTopic(): void {
    if (this.topic(offsetsTopicName) !== undefined) return;
    this.createTopic({
      name: offsetsTopicName,
      partitions: offsetsTopicPartitions,
      replicationFactor: -1,
      options: new Map([['cleanup.policy', 'compact']]),
      validateOnly: false,
    });
  }

  /** Why not even deleting is possible, or null. */
  #halt(): BrokerErrorCode | null {
    if (this.#journal.fault !== null) return 'fenced';
    return this.#journal.isOpen ? null : 'draining';
  }

  // HOT
  #refusal(): BrokerErrorCode | null {
    if (this.#journal.fault !== null) return 'fenced';
    return this.#isDraining ? 'draining' : null;
  }

  #isUntilSettled(topicId: number): boolean {
    return this.#state.catalog.topicById(topicId)?.options.isUntilSettled ?? false;
  }

  #findOrCreate(name: string): Topic {
    const known = this.topic(name);
    if (known !== undefined) return known;
    if (!this.options.autoCreateTopics) throw new BrokerError('topic_not_found', name);
    const created = this.createTopic({
      name,
      partitions: -1,
      replicationFactor: -1,
      options: new Map(),
      validateOnly: false,
    });
    if (created.error !== null) throw new BrokerError(created.error, created.detail);
    assert(created.topic !== null, 'a topic that was created is there');
    return created.topic;
  }

  #repair(): void {
    const orphans: number[] = [];
    for (const { id } of this.#journal.partitions()) {
      if (this.#state.catalog.partition(id) === undefined) orphans.push(id);
    }
    // Queues go before the logs that they read, as in a deletion.
    this.queues.repair((topicId) => this.#state.catalog.topicById(topicId) !== undefined);
    this.#admin.repair(orphans);
  }

  // HOT: per committed group.
  #onCommit(changed: readonly PartitionLog[], highWatermark: number): void {
    this.#commits.release(highWatermark);
    this.#waker.wake(changed, this.#findWatched);
    this.#commits.announce(highWatermark);
    this.#publisher.flush();
  }

  readonly #findWatched = (id: number): Partition | undefined => {
    const partition = this.#state.catalog.partition(id);
    if (partition !== undefined) return partition;
    const dying = this.#dying.get(id);
    this.#dying.delete(id);
    return dying;
  };

  #onFault(error: BrokerError): void {
    this.#commits.fail(error);
    this.#publisher.flush();
    this.groups.stop('fenced');
    // Whoever waits for more to read is told that nothing comes.
    for (const topic of this.topics()) {
      for (const partition of topic.partitions) this.#waker.wakePartition(partition);
    }
    for (const partition of this.#dying.values()) this.#waker.wakePartition(partition);
  }
}

function defaultOf(options: BrokerOptions, name: string): string {
  return options.topicDefaults.get(name) ?? defaultValueOf(name);
}

function checkTopicDefaults(defaults: ReadonlyMap<string, string>): void {
  for (const [name, value] of defaults) {
    const fault = checkTopicOption(name, value);
    if (fault !== null) throw new BrokerError(fault.error, fault.detail);
  }
  const conflict = findOptionConflict((name) => defaults.get(name) ?? defaultValueOf(name));
  if (conflict !== null) throw new BrokerError(conflict.error, conflict.detail);
}
