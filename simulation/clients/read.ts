/**
 * One read, as slow as its reader wants: plan, hold, copy piece by piece, release.
 */
import { type Partition, ReadPlan } from '../../src/broker/index.ts';
import { BrokerError, type BrokerErrorCode } from '../../src/kernel/errors.ts';
import type { Life } from '../life.ts';
import { promise } from '../violation.ts';

export interface ReadResult {
  readonly error: BrokerErrorCode | null;
  /** For a report. */
  readonly detail: string;
  readonly bytes: Uint8Array;
  /** What the partition showed when the read was planned. */
  readonly logStart: number;
  readonly highWatermark: number;
}

export interface ReadRequest {
  readonly partition: Partition;
  readonly offset: number;
  readonly maxBytes: number;
  /** Copies so many bytes at a time; 0: all at once. */
  readonly pieceBytes: number;
  /** Waits so long before each piece, microseconds. */
  readonly pauseMicros: number;
}

const noBytes = new Uint8Array(0);

/** Never calls back when the life ends before. May call back at once. */
export function read(life: Life, request: ReadRequest, done: (result: ReadResult) => void): void {
  const { partition, offset, maxBytes, pieceBytes, pauseMicros } = request;
  const plan = new ReadPlan();
  let logStart = 0;
  let highWatermark = 0;
  let target = noBytes;
  let filled = 0;
  let isDone = false;
  const finish = (error: BrokerErrorCode | null, detail = ''): void => {
    promise(!isDone, 'a reader is called back once for each wait');
    isDone = true;
    plan.release();
    done({ error, detail, bytes: error === null ? target : noBytes, logStart, highWatermark });
  };
  const copy = (): void => {
    if (life.isOver) return;
    try {
      while (plan.bytesLeft > 0) {
        const room = target.length - filled;
        const piece = pieceBytes === 0 ? room : Math.min(room, Math.max(64, pieceBytes));
        const count = plan.read(target, filled, piece, copy);
        if (count === 0) return;
        filled += count;
        if (pauseMicros > 0 && plan.bytesLeft > 0)
          return life.post('reader.pause', pauseMicros, copy);
      }
    } catch (error) {
      if (error instanceof BrokerError) return finish(error.code, error.message);
      throw error;
    }
    finish(null);
  };
  const begin = (): void => {
    if (life.isOver) return;
    ({ logStart, highWatermark } = partition);
    const status = life.broker.planRead(partition, offset, maxBytes, plan, begin);
    if (status === 'loading') return;
    if (status !== 'ready') return finish(status);
    target = new Uint8Array(plan.bytes);
    if (pauseMicros > 0) life.post('reader.pause', pauseMicros, copy);
    else copy();
  };
  begin();
}
