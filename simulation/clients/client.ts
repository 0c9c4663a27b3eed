/**
 * What all clients share: a loop of steps with pauses between them, as long as the life lasts.
 */
import type { Partition } from '../../src/broker/index.ts';
import type { Life } from '../life.ts';
import type { PartitionHistory } from '../partition-history.ts';
import type { SeededRandom } from '../random.ts';
import type { SentTarget } from '../sent.ts';
import type { Stage } from '../stage.ts';
import type { TopicHistory } from '../topic-history.ts';

const CALM_MICROS = 5000;

export abstract class Client {
  readonly stage: Stage;
  readonly random: SeededRandom;

  constructor(stage: Stage, name: string) {
    this.stage = stage;
    this.random = stage.random.fork(name);
  }

  /** A new life has begun: connects to it and goes on. */
  connect(life: Life): void {
    const think = (): void => {
      const { thinkMicros: usual } = this.stage.scenario.workload;
      const thinkMicros = this.stage.isCalm ? Math.max(CALM_MICROS, usual) : usual;
      life.post('client.step', this.random.between(1, 2 * thinkMicros), () => {
        // After a fault clients go on for a while: nobody has told them yet.
        if (!life.isOpen || life.isClosing || life.isOver) return;
        if (!this.stage.isPaused) this.step(life);
        think();
      });
    };
    think();
  }

  protected abstract step(life: Life): void;

  protected pickTopic(): TopicHistory | undefined {
    const topics = this.stage.topicsThere;
    return topics[this.random.below(topics.length)];
  }

  protected pickPartition(): PartitionHistory | undefined {
    const topic = this.pickTopic();
    return topic?.partitions[this.random.below(topic.partitionsPromised)];
  }
}

/** The broker's side of a partition that is known to be there. */
export function partitionIn(life: Life, history: SentTarget | undefined): Partition | undefined {
  if (history === undefined) return undefined;
  return life.broker.topicByUuid(history.topic.uuid)?.partitions[history.index];
}
