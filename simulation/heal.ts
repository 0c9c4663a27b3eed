/**
 * After the last fault: everything that was open is finished, everything can be read and settled, and
 * the space of what is deleted comes back.
 */
import { FREE_SEGMENTS_MAX } from '../src/log/limits.ts';
import { audit } from './audit.ts';
import { Admin } from './clients/admin.ts';
import { type Client, partitionIn } from './clients/client.ts';
import { Consumer } from './clients/consumer.ts';
import { SequencedProducer } from './clients/producer.ts';
import { TailReader } from './clients/reader.ts';
import type { Life } from './life.ts';
import { promise } from './violation.ts';

const WORK_STEPS = 300;
const PATIENCE_MICROS = 30_000_000;
const LOOK_MICROS = 20_000;
/** Segments that an empty broker may keep: written, armed, and too few to be worth a checkpoint. */
const SEGMENTS_MAX = 10;

/** `life` is a calm one. Ends it when all is well; fails when something does not come about. */
export function heal(life: Life, clients: readonly Client[]): void {
  const { stage } = life;
  for (const topic of stage.topicsThere) {
    for (const queue of topic.queues) {
      // One that is being made is there soon: nothing goes wrong any more.
      if (queue.stage !== 'there' && queue.stage !== 'creating') continue;
      const drainer = new Consumer(stage, `drainer ${topic.name} ${queue.name}`);
      drainer.take(queue);
      drainer.connect(life);
    }
  }
  life.post('heal.enough', WORK_STEPS * stage.scenario.workload.thinkMicros, () => {
    stage.bytesLeft = 0;
    stage.isCalm = true;
    until(
      life,
      'all that was open is finished',
      () => isFinished(life, clients),
      () => {
        audit(life, () => giveBack(life, clients));
      },
    );
  });
}

function isFinished(life: Life, clients: readonly Client[]): boolean {
  for (const client of clients) {
    if (client instanceof SequencedProducer && !client.hasNothingOpen) return false;
    if (client instanceof TailReader && !client.isAtEnd) return false;
  }
  return life.stage.topicsThere.every((topic) =>
    topic.queues.every((queue) => {
      if (queue.stage !== 'there') return true;
      return queue.partitions.every(({ from, partition }, index) => {
        const log = partitionIn(life, partition);
        if (log === undefined) return true;
        return queue.mayBeSettled(index, Math.max(from, log.logStart), log.highWatermark);
      });
    }),
  );
}

/** Everything is deleted: what it took comes back. */
function giveBack(life: Life, clients: readonly Client[]): void {
  const { stage, broker } = life;
  stage.isPaused = true;
  const admin = clients.find((client) => client instanceof Admin);
  for (const topic of stage.topicsThere) admin?.delete(life, topic);
  const before = broker.usage();
  stage.world.note('heal.deleted', before.segments);
  until(
    life,
    'the space of what was deleted comes back',
    () => {
      const { segments, freeSegments, liveBytes } = broker.usage();
      return (
        segments <= SEGMENTS_MAX && freeSegments <= FREE_SEGMENTS_MAX && Math.abs(liveBytes) < 1
      );
    },
    () => {
      stage.world.note('heal.given_back', broker.usage().segments);
      life.close();
    },
  );
}

function until(life: Life, what: string, holds: () => boolean, then: () => void): void {
  const deadline = life.stage.world.nowMicros + PATIENCE_MICROS;
  const look = (): void => {
    if (holds()) return then();
    promise(
      life.stage.world.nowMicros < deadline,
      `${what}: not after half a minute; ${JSON.stringify(life.broker.usage())}`,
    );
    life.post('heal.look', LOOK_MICROS, look);
  };
  look();
}
