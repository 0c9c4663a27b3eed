/**
 * Readers: some follow the end of a partition, some read anywhere, slowly, and some look things up.
 */
import type { Partition, Watcher } from '../../src/broker/index.ts';
import type { Life } from '../life.ts';
import type { PartitionHistory } from '../partition-history.ts';
import { promise } from '../violation.ts';
import { Client, partitionIn } from './client.ts';
import { type ReadResult, read } from './read.ts';

/** Checks what a read brought. Returns where to read on, or -1 when the offset is gone. */
export function checkRead(
  life: Life,
  history: PartitionHistory,
  partition: Partition,
  offset: number,
  result: ReadResult,
): number {
  const { error, bytes, highWatermark } = result;
  if (error === null) return history.observe(bytes, offset, highWatermark);
  if (partition.isDeleted && error === 'topic_not_found') return -1;
  if (error === 'offset_out_of_range') {
    const isGone = offset < partition.logStart;
    promise(isGone, `${history.name} ${offset} is out of range, though it was below the end`);
    return -1;
  }
  life.promiseExcused(error, `a read of ${history.name} ${offset} failed: ${result.detail}`);
  return offset;
}

export class Reader extends Client {
  private isReading = false;

  override connect(life: Life): void {
    this.isReading = false;
    super.connect(life);
  }

  protected override step(life: Life): void {
    const history = this.pickPartition();
    const partition = history && partitionIn(life, history);
    if (history === undefined || partition === undefined || this.isReading) return;
    history.noteBounds(partition.logStart, partition.highWatermark);
    const draw = this.random.fraction();
    if (draw < 0.7) this.readSome(life, history, partition);
    else if (draw < 0.9) this.lookUp(life, history, partition);
    else this.lookUpEpoch(life, history, partition);
  }

  private readSome(life: Life, history: PartitionHistory, partition: Partition): void {
    const { random } = this;
    const offset = random.between(partition.logStart, partition.highWatermark);
    const isSlow = random.chance(0.4);
    const request = {
      partition,
      offset,
      maxBytes: random.pick([1, 10_000, 300_000, 4_000_000]),
      pieceBytes: random.pick([0, 100, 10_000, 50_000]),
      pauseMicros: isSlow ? random.pick([100, 10_000, 300_000]) : 0,
    };
    // Small pieces with long pauses never end.
    if (isSlow && request.pieceBytes < 50_000) request.pieceBytes = 50_000;
    this.isReading = true;
    read(life, request, (result) => {
      this.isReading = false;
      this.stage.world.note('reader.read', result.bytes.length);
      checkRead(life, history, partition, offset, result);
    });
  }

  private lookUp(life: Life, history: PartitionHistory, partition: Partition): void {
    const { logStart, highWatermark } = partition;
    const some = history.placed[this.random.below(history.placed.length)];
    const time = (some?.sent.timeOf(0) ?? 0) + this.random.between(-2, 2);
    this.isReading = true;
    life.broker.offsetForTimestamp(partition, time, (error, position) => {
      if (life.isOver) return;
      this.isReading = false;
      if (error !== null) {
        const isGone = partition.isDeleted || error === 'offset_out_of_range';
        if (!isGone) life.promiseExcused(error, `a look-up in ${history.name} failed`);
        return;
      }
      const hasMoved = partition.logStart !== logStart || partition.highWatermark !== highWatermark;
      if (hasMoved || history.topic.kind === 'stamped' || history.topic.kind === 'settled') return;
      if (!history.isKnown(logStart, highWatermark)) return;
      const expected = firstAtOrAfter(history, logStart, highWatermark, time);
      promise(
        position.offset === expected,
        `${history.name}: ${time} is at ${position.offset}, not ${expected}`,
      );
      this.stage.world.note('reader.looked_up', position.offset);
    });
  }

  private lookUpEpoch(life: Life, history: PartitionHistory, partition: Partition): void {
    const some = history.placed[this.random.below(history.placed.length)];
    if (some === undefined || some.epoch === -1 || some.base < partition.logStart) return;
    const { epoch, endOffset } = life.broker.endOffsetForEpoch(partition, some.epoch);
    // Computed from what is applied: the answer leaves when that is committed.
    life.answerFromState(partition.lastLsn, (error) => {
      if (error !== null || partition.isDeleted || some.base < partition.logStart) return;
      promise(
        epoch === some.epoch && endOffset >= some.end,
        `${history.name}: epoch ${some.epoch} ends at ${endOffset} in ${epoch}, with a batch at ${some.base}`,
      );
      history.noteEnd(endOffset);
    });
  }
}

function firstAtOrAfter(
  history: PartitionHistory,
  start: number,
  end: number,
  time: number,
): number {
  for (let i = history.indexOf(start); i < history.placed.length; i++) {
    const placed = history.placed[i];
    if (placed === undefined || placed.base >= end) break;
    for (let record = 0; record < placed.sent.recordCount; record++) {
      const offset = placed.base + record;
      if (offset >= start && placed.sent.timeOf(record) >= time) return offset;
    }
  }
  return -1;
}

/** Follows one partition to its end, woken by the broker. */
export class TailReader extends Client implements Watcher {
  private life: Life | null = null;
  private history: PartitionHistory | null = null;
  private partition: Partition | null = null;
  private position = 0;
  private isReading = false;
  private isWoken = false;

  override connect(life: Life): void {
    this.life = life;
    this.partition = null;
    this.isReading = false;
    super.connect(life);
  }

  /** Whether everything there is has been read. */
  get isAtEnd(): boolean {
    const { partition } = this;
    return partition === null || partition.isDeleted || this.position >= partition.highWatermark;
  }

  protected override step(life: Life): void {
    if (this.partition?.isDeleted === true) this.history = null;
    if (this.partition !== null && this.history !== null) return;
    const history = this.history ?? this.pickPartition();
    const partition = history && partitionIn(life, history);
    if (history === undefined || partition === undefined) {
      this.history = null;
      return;
    }
    if (history !== this.history) this.position = partition.logStart;
    this.history = history;
    this.partition = partition;
    // A read of the partition before may be under way still: it is of no more interest.
    this.isReading = false;
    life.broker.watch(partition, this);
    this.readOn();
  }

  onProgress(partition: Partition): void {
    if (partition !== this.partition) return;
    this.stage.world.note('reader.woken');
    if (this.isReading) this.isWoken = true;
    else this.readOn();
  }

  private readOn(): void {
    const { life, history, partition, position: offset } = this;
    if (life === null || history === null || partition === null || !life.isServing) return;
    if (partition.isDeleted) return;
    this.isReading = true;
    this.isWoken = false;
    const pace = { maxBytes: 100_000, pieceBytes: 0, pauseMicros: 0 };
    read(life, { partition, offset, ...pace }, (result) => {
      const next = checkRead(life, history, partition, offset, result);
      if (partition !== this.partition) return;
      this.isReading = false;
      if (next === -1) this.position = Math.max(offset, partition.logStart);
      else this.position = next;
      const hasMore = result.error === null && this.position < partition.highWatermark;
      if (next === -1 && partition.isDeleted) return;
      // A read that failed for a moment is tried again, not at once.
      if (hasMore || this.isWoken || next === -1)
        life.post('reader.goes_on', 10, () => this.readOn());
      else if (result.error !== null) life.post('reader.retries', 5000, () => this.readOn());
    });
  }
}
