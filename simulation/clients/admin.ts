/**
 * The administrator: topics come and go, records are deleted, options change.
 */

import type { Life } from '../life.ts';
import type { TopicHistory } from '../topic-history.ts';
import type { TopicKind } from '../topic-kind.ts';
import { promise } from '../violation.ts';
import { Client, partitionIn } from './client.ts';

export class Admin extends Client {
  protected override step(life: Life): void {
    const { scenario, topics } = this.stage;
    const present = topics.filter(({ stage }) => stage !== 'gone').length;
    if (present < scenario.topicsMax) this.create(life);
    const { random } = this;
    const topic = this.pickTopic();
    if (topic === undefined) return;
    if (random.chance(scenario.workload.deleteRate * 0.2)) return this.delete(life, topic);
    if (random.chance(scenario.workload.deleteRate)) return this.deleteRecords(life, topic);
    if (random.chance(0.01)) return this.addPartition(life, topic);
    if (random.chance(0.02)) return this.setRetention(life, topic);
    if (random.chance(0.02)) return this.createAgain(life, topic);
    if (random.chance(0.01)) life.broker.checkpoint();
    if (random.chance(0.02)) life.broker.applyRetention();
  }

  create(life: Life): void {
    const { stage, random } = this;
    const { scenario } = stage;
    const kind = scenario.kinds[random.below(scenario.kinds.length)] ?? 'keep';
    const name = stage.nextTopicName();
    const partitions = random.between(1, scenario.partitionsMax);
    const outcome = life.broker.createTopic({
      name,
      partitions,
      replicationFactor: -1,
      options: this.optionsOf(kind),
      validateOnly: false,
    });
    if (outcome.error !== null) return life.promiseExcused(outcome.error, 'no topic was created');
    promise(outcome.topic !== null, 'a created topic is there');
    const topic = stage.addTopic(name, outcome.topic.uuidText, kind, partitions);
    life.answer(outcome.lsn, (error) => {
      if (error !== null) return;
      stage.world.note('topic.created');
      topic.partitionsPromised = partitions;
      if (topic.stage === 'creating') topic.stage = 'there';
    });
  }

  private optionsOf(kind: TopicKind): ReadonlyMap<string, string> {
    const { retentionMs, retentionBytes } = this.stage.scenario;
    switch (kind) {
      case 'time':
        return new Map([['retention.ms', `${retentionMs}`]]);
      case 'size':
        return new Map([['retention.bytes', `${retentionBytes}`]]);
      case 'settled':
        return new Map([['polylog.until.settled', 'true']]);
      case 'stamped':
        return new Map([['message.timestamp.type', 'LogAppendTime']]);
      case 'lz4':
        return new Map([['compression.type', 'lz4']]);
      case 'keep':
        return new Map();
    }
  }

  delete(life: Life, topic: TopicHistory): void {
    const found = life.broker.topicByUuid(topic.uuid);
    promise(found !== undefined, `${topic.name} is there`);
    const outcome = life.broker.deleteTopic(found);
    if (outcome.error !== null) return life.promiseExcused(outcome.error, 'no topic was deleted');
    topic.stage = 'deleting';
    for (const queue of topic.queues) if (queue.stage !== 'gone') queue.stage = 'deleting';
    life.answer(outcome.lsn, (error) => {
      if (error !== null) return;
      this.stage.world.note('topic.deleted');
      topic.stage = 'gone';
      for (const queue of topic.queues) queue.stage = 'gone';
    });
  }

  private deleteRecords(life: Life, topic: TopicHistory): void {
    const history = topic.partitions[this.random.below(topic.partitionsPromised)];
    const partition = history && partitionIn(life, history);
    if (history === undefined || partition === undefined) return;
    const isAll = this.random.chance(0.2);
    const offset = isAll ? -1 : this.random.between(partition.logStart, partition.highWatermark);
    const target = isAll ? partition.highWatermark : offset;
    const outcome = life.broker.deleteRecords(partition, offset);
    if (outcome.error !== null)
      return life.promiseExcused(outcome.error, 'no records were deleted');
    history.startAsked = Math.max(history.startAsked, target);
    life.answer(outcome.lsn, (error) => {
      if (error !== null || life.broker.fault !== null || partition.isDeleted) return;
      this.stage.world.note('records.deleted', target);
      promise(
        partition.logStart >= target,
        `${history.name} starts at ${partition.logStart} after records up to ${target} were deleted`,
      );
      history.noteBounds(partition.logStart, partition.highWatermark);
    });
  }

  private addPartition(life: Life, topic: TopicHistory): void {
    const found = life.broker.topicByUuid(topic.uuid);
    promise(found !== undefined, `${topic.name} is there`);
    const total = found.partitions.length + 1;
    if (total > this.stage.scenario.partitionsMax) return;
    const outcome = life.broker.addPartitions(found, total, false);
    if (outcome.error !== null) return life.promiseExcused(outcome.error, 'no partition was added');
    this.stage.addPartitions(topic, total);
    for (const queue of topic.queues) queue.widen(topic.partitions);
    life.answer(outcome.lsn, (error) => {
      if (error === null) topic.partitionsPromised = Math.max(topic.partitionsPromised, total);
    });
  }

  private setRetention(life: Life, topic: TopicHistory): void {
    if (topic.kind !== 'time') return;
    const found = life.broker.topicByUuid(topic.uuid);
    promise(found !== undefined, `${topic.name} is there`);
    const ms = this.random.pick([20, 200, 2000, 60_000]);
    const outcome = life.broker.setTopicOptions(found, new Map([['retention.ms', `${ms}`]]), false);
    if (outcome.error !== null) return life.promiseExcused(outcome.error, 'no option was set');
    topic.retentionMsPossible.push(ms);
    topic.retentionMsLeast = Math.min(topic.retentionMsLeast, ms);
    life.answer(outcome.lsn, (error) => {
      if (error !== null) return;
      const at = topic.retentionMsPossible.indexOf(ms);
      topic.retentionMsPossible = topic.retentionMsPossible.slice(at);
    });
  }

  /** The answer "exists" is a promise as well. */
  private createAgain(life: Life, topic: TopicHistory): void {
    const pending = this.stage.topics.find(({ stage }) => stage === 'creating') ?? topic;
    const outcome = life.broker.createTopic({
      name: pending.name,
      partitions: 1,
      replicationFactor: -1,
      options: new Map(),
      validateOnly: true,
    });
    const { error: code } = outcome;
    if (code !== 'topic_exists') {
      // Created and not finished in an earlier life, it may never have come to be.
      promise(code === null || pending.stage !== 'there', `${pending.name} is there`);
      return;
    }
    life.answerFromState(outcome.lsn, (error) => {
      if (error !== null || pending.stage !== 'creating') return;
      pending.stage = 'there';
      pending.partitionsPromised = pending.partitions.length;
    });
  }
}
