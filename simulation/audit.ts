/**
 * The audit of a broker that has come up: is all there that was promised, and nothing else?
 *
 * Owns: settling what a crash left open (was it created? deleted?), reading every partition in full.
 */
import { partitionIn } from './clients/client.ts';
import { queueIn } from './clients/consumer.ts';
import { committedIn } from './clients/group-member.ts';
import { read } from './clients/read.ts';
import { type GroupHistory, noOffset } from './group-history.ts';
import type { Life } from './life.ts';
import type { PartitionHistory } from './partition-history.ts';
import type { TopicHistory } from './topic-history.ts';
import { promise } from './violation.ts';

/** Definitions: what was answered is there, what was left open is settled now. Synchronous. */
export function reconcile(life: Life, wasClean: boolean): void {
  const { topics, world } = life.stage;
  for (const topic of topics) reconcileTopic(life, topic, wasClean);
  for (const { name, uuidText, isInternal } of life.broker.topics()) {
    if (isInternal) continue;
    const known = topics.some((topic) => topic.uuid === uuidText && topic.stage === 'there');
    promise(known, `there is a topic ${name} that nobody made`);
  }
  for (const group of life.stage.groups) reconcileGroup(life, group);
  world.note('audit.reconciled', topics.length);
}

/** Committed offsets are there, of topics that are, and of no others. */
function reconcileGroup(life: Life, group: GroupHistory): void {
  const { groups } = life.broker;
  const partitions = life.stage.topicsThere.flatMap((topic) => topic.partitions);
  const generation = groups.describe(group.name)?.generation ?? noOffset;
  group.restart(generation, partitions, (partition) => committedIn(life, group, partition));
  for (const [{ topic }] of groups.committedOffsets(group.name)) {
    promise(!topic.isDeleted, `${group.name} has offsets of a topic that is gone`);
  }
}

function reconcileTopic(life: Life, topic: TopicHistory, wasClean: boolean): void {
  const found = life.broker.topicByUuid(topic.uuid);
  const byName = life.broker.topic(topic.name);
  promise(found === byName, `${topic.name} is found by name as by id`);
  if (found === undefined) {
    const mayBeGone = topic.stage !== 'there';
    promise(mayBeGone, `${topic.name} was there, and is gone`);
    topic.stage = 'gone';
    for (const queue of topic.queues) queue.stage = 'gone';
    return;
  }
  promise(topic.stage !== 'gone', `${topic.name} was deleted, and is back`);
  topic.stage = 'there';
  const count = found.partitions.length;
  promise(
    count >= topic.partitionsPromised && count <= topic.partitions.length,
    `${topic.name} has ${count} partitions`,
  );
  for (const history of topic.partitions.splice(count)) {
    promise(history.placed.length === 0, `${history.name} was seen, and is gone`);
  }
  topic.partitionsPromised = count;
  const retentionMs = found.options.retentionMs;
  if (topic.kind === 'time') {
    const possible = topic.retentionMsPossible.includes(retentionMs);
    promise(possible, `${topic.name} has retention.ms ${retentionMs}`);
    topic.retentionMsPossible = [retentionMs];
  }
  for (const history of topic.partitions) {
    const partition = partitionIn(life, history);
    promise(partition !== undefined, `${history.name} is there`);
    history.noteBounds(partition.logStart, partition.highWatermark);
  }
  reconcileQueues(life, topic, wasClean);
}

function reconcileQueues(life: Life, topic: TopicHistory, wasClean: boolean): void {
  for (const queue of topic.queues) {
    if (queue.stage === 'gone') continue;
    queue.partitions.splice(topic.partitions.length);
    queue.partitions.forEach((partition) => {
      const logEnd = partitionIn(life, partition.partition)?.logEnd ?? 0;
      partition.restart(wasClean, logEnd);
    });
    const found = queueIn(life, queue);
    if (found !== null) {
      queue.stage = 'there';
      continue;
    }
    promise(queue.stage !== 'there', `queue ${queue.name} of ${topic.name} was there, and is gone`);
    // Looking has made it anew, on everything there is; that is promised once it is committed.
    queue.stage = 'creating';
    life.answer(life.broker.replayed.journal.lastLsn, (error) => {
      if (error === null && queue.stage === 'creating') queue.stage = 'there';
    });
    const partitionOf = (index: number) => partitionIn(life, topic.partitions[index]);
    queue.begin(
      (index) => partitionOf(index)?.logStart ?? 0,
      (index) => partitionOf(index)?.logEnd ?? 0,
    );
  }
}

/** Reads everything there is, one partition after the other; `done` when all of it was right. */
export function audit(life: Life, done: () => void): void {
  const partitions = life.stage.topics
    .filter(({ stage }) => stage === 'there')
    .flatMap((topic) => topic.partitions.slice(0, topic.partitionsPromised));
  const next = (index: number): void => {
    const history = partitions[index];
    if (history === undefined) {
      life.stage.world.note('audit.done', partitions.length);
      return done();
    }
    auditPartition(life, history, () => next(index + 1));
  };
  next(0);
}

function auditPartition(life: Life, history: PartitionHistory, done: () => void): void {
  const partition = partitionIn(life, history);
  if (partition === undefined || !life.isServing) return done();
  const end = partition.highWatermark;
  let offset = partition.logStart;
  let tries = 0;
  const go = (): void => {
    if (partition.isDeleted || !life.isServing) return done();
    offset = Math.max(offset, partition.logStart);
    if (offset >= end) return done();
    const request = { partition, offset, maxBytes: 1_000_000, pieceBytes: 0, pauseMicros: 0 };
    read(life, request, ({ error, detail, bytes, highWatermark }) => {
      if (error === null) {
        const next = history.observe(bytes, offset, highWatermark);
        promise(next > offset || history.topic.kind === 'settled', `${history.name} can be read`);
        offset = next > offset ? next : end;
        tries = 0;
        return life.post('audit.next', 1, go);
      }
      const isExcused = partition.isDeleted || offset < partition.logStart;
      if (!isExcused)
        life.promiseExcused(error, `${history.name} ${offset} cannot be read: ${detail}`);
      tries++;
      if (tries < 20 && error !== 'storage_damaged') return life.post('audit.again', 1000, go);
      done();
    });
  };
  go();
}
