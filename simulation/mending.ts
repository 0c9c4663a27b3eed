/**
 * What a repair makes of a damaged folder: it opens again, and all but what was named as lost is there.
 *
 * Owns: repairing a copy in a world of its own, reading all of it, the comparison with what had been seen.
 */
import { Broker, type Partition } from '../src/broker/index.ts';
import { viewOf } from '../src/kernel/bytes.ts';
import type { BrokerError } from '../src/kernel/errors.ts';
import { DraftDisk } from '../src/log/draft-disk.ts';
import { type RepairSurvey, surveyDamage } from '../src/log/repair.ts';
import { batchBaseOffset, batchNextOffset, batchSize } from '../src/record/batch.ts';
import { partitionIn } from './clients/client.ts';
import { read } from './clients/read.ts';
import { SimDisk } from './disk.ts';
import { calmDisk, calmLoop } from './faults.ts';
import { brokerOptions, journalOptions, Life, offloadTasks } from './life.ts';
import type { PartitionHistory } from './partition-history.ts';
import { SimProcess } from './process.ts';
import { Stage } from './stage.ts';
import { promise } from './violation.ts';
import type { Volume } from './volume.ts';
import { World } from './world.ts';

const PATIENCE_MICROS = 300_000_000;

/** `image` has rotted since `stage` saw it last. */
export function promiseMended(stage: Stage, image: Volume): void {
  const { volume, survey } = mend(stage, image);
  const world = new World(stage.world.seed);
  const elsewhere = new Stage(world, stage.scenario, stage.mistake);
  elsewhere.isHealing = true;
  const ending = { kind: 'close', operations: 0, afterMicros: 10 * PATIENCE_MICROS } as const;
  const life = new Life(elsewhere, volume, ending);
  life.disk.faults = calmDisk;
  life.start(() => undefined);
  world.runUntil(() => life.isOpen || life.isOver, PATIENCE_MICROS);
  promise(life.isOpen, `a repaired folder does not open: ${life.openError?.message}`);
  for (const topic of stage.topicsThere) {
    for (const history of topic.partitions) {
      const partition = partitionIn(life, history);
      if (partition !== undefined) {
        promiseRest(life, history, partition, survey);
        continue;
      }
      // Its creation may be what is lost, or may never have been answered.
      const isPromised = history.index < topic.partitionsPromised || history.placed.length > 0;
      promise(!isPromised || mayLackEntries(survey), `${history.name} is gone`);
    }
  }
  stage.world.note('mend.done', survey.findings.length);
}

function mayLackEntries({ findings }: RepairSurvey): boolean {
  return findings.some(({ isLoss }) => isLoss);
}

function mend(stage: Stage, image: Volume): { volume: Volume; survey: RepairSurvey } {
  const world = new World(stage.world.seed);
  const process = new SimProcess(world, 'repair', { faults: calmLoop, tasks: offloadTasks });
  const disk = new SimDisk(process, image, calmDisk);
  const draft = new DraftDisk(disk, process);
  const ports = process.ports(draft);
  const options = journalOptions(stage.scenario, process.random);
  const broker = new Broker(ports, brokerOptions(stage.scenario, process.random), options);
  const machine = broker.replayed.state;
  const outcomes: { error: BrokerError | null; survey: RepairSurvey | null }[] = [];
  surveyDamage({ ports, draft, options, machine }, (error, survey) => {
    outcomes.push({ error, survey });
  });
  world.runUntil(() => outcomes.length > 0, PATIENCE_MICROS);
  const { error, survey } = outcomes[0] ?? { error: null, survey: null };
  promise(survey !== null, `one flipped bit cannot be repaired: ${error?.message}`);
  let isApplied = false;
  draft.apply(disk, (fault) => {
    promise(fault === null, `a repair fails: ${fault?.message}`);
    isApplied = true;
  });
  world.runUntil(() => isApplied, PATIENCE_MICROS);
  return { volume: disk.crash('power'), survey };
}

/** Every batch that was seen is at its place, or named as lost, or let go rightly. */
function promiseRest(
  life: Life,
  history: PartitionHistory,
  partition: Partition,
  survey: RepairSurvey,
): void {
  const { name } = history;
  const { logStart, highWatermark } = partition;
  const isNew = mayLackEntries(survey) && highWatermark === 0;
  promise(
    isNew || highWatermark >= history.hwSeen,
    `${name} ends at ${highWatermark} after a repair`,
  );
  const found = readAll(life, partition, name);
  for (const { base, end } of history.placed) {
    if (end <= Math.max(logStart, history.startAsked) || found.has(base)) continue;
    const isNamed = survey.lost.some(
      ({ partition: id, first, last }) => id === partition.id && first <= base && last >= end - 1,
    );
    const mayBeGone = isNamed || isNew || history.topic.mayBeAbsent(history, base, end);
    promise(mayBeGone, `${name} ${base} is missing after a repair, which did not say so`);
  }
}

/** All offsets that are in some batch: what was sent apart may be stored together. */
function readAll(life: Life, partition: Partition, name: string): Set<number> {
  const found = new Set<number>();
  let offset = partition.logStart;
  for (let isAtEnd = false; !isAtEnd; ) {
    let next = -1;
    const request = { partition, offset, maxBytes: 1_000_000, pieceBytes: 0, pauseMicros: 0 };
    read(life, request, ({ error, detail, bytes }) => {
      promise(error === null, `${name} cannot be read at ${offset} after a repair: ${detail}`);
      const view = viewOf(bytes);
      next = offset;
      for (let at = 0; at < bytes.length; at += batchSize(view, at)) {
        next = batchNextOffset(view, at);
        for (let each = batchBaseOffset(view, at); each < next; each++) found.add(each);
      }
    });
    life.stage.world.runUntil(() => next >= 0, PATIENCE_MICROS);
    promise(next >= 0, `a read of ${name} ends`);
    isAtEnd = next === offset;
    offset = next;
  }
  return found;
}
