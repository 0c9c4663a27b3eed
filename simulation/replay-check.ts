/**
 * `state(live) = state(replay)`: the state of a running broker against that of one which is recovered
 * from a copy of what is durable.
 *
 * Owns: the comparison, in a form that does not depend on the order in which objects were born.
 */

import { groupObjectType } from '../src/broker/groups/group-objects.ts';
import type { Broker } from '../src/broker/index.ts';
import { objectType } from '../src/broker/index.ts';
import { ByteWriter } from '../src/kernel/byte-writer.ts';
import { readInt64LittleEndian, viewOf } from '../src/kernel/bytes.ts';
import { calmDisk } from './faults.ts';
import { Life } from './life.ts';
import type { Stage } from './stage.ts';
import { Stage as StageOf } from './stage.ts';
import { promise } from './violation.ts';
import type { Volume } from './volume.ts';
import { World } from './world.ts';

const PATIENCE_MICROS = 60_000_000;
const PRODUCER_HEAD_BYTES = 32;
const PRODUCER_BATCH_BYTES = 24;
/** Of a committed offset, up to its metadata. */
const OFFSET_HEAD_BYTES = 34;

/** Everything applied is committed: what is durable is what there is. */
export function isAtRest(broker: Broker): boolean {
  const { journal } = broker.replayed;
  return journal.isOpen && journal.fault === null && journal.endLsn === journal.highWatermark;
}

/** One line for each object, sorted. */
export function describeState(broker: Broker): string[] {
  const { journal, state } = broker.replayed;
  const lines: string[] = [];
  for (const partition of journal.partitions()) {
    lines.push(`partition ${partition.lastLsn} ${hexOf(partition.encode())}`);
  }
  const writer = new ByteWriter(64 * 1024);
  const cursor = state.objects();
  for (;;) {
    writer.position = 0;
    const head = cursor.next(writer);
    if (head === null) break;
    const body = writer.bytes.subarray(0, writer.position);
    if (head.type === objectType.producers) lines.push(...describeProducers(body));
    else if (head.type === groupObjectType.offsets) lines.push(...describeOffsets(body));
    else lines.push(`object ${head.type} ${head.lsn} ${hexOf(body)}`);
  }
  return lines.sort();
}

/** How producers are packed depends on their order; each of them does not. Layout: producers.ts. */
function describeProducers(body: Uint8Array): string[] {
  const view = viewOf(body);
  const partition = view.getUint32(0, true);
  const lines: string[] = [];
  for (let at = 8; at < body.length; ) {
    const id = readInt64LittleEndian(view, at);
    const end = at + PRODUCER_HEAD_BYTES + (body[at + 26] ?? 0) * PRODUCER_BATCH_BYTES;
    lines.push(`producer ${partition} ${id} ${hexOf(body.subarray(at, end))}`);
    at = end;
  }
  return lines;
}

/** So do a group's offsets. Layout: group-objects.ts. */
function describeOffsets(body: Uint8Array): string[] {
  const view = viewOf(body);
  const group = view.getUint32(0, true);
  const lines: string[] = [];
  for (let at = 4; at < body.length; ) {
    const end = at + OFFSET_HEAD_BYTES + view.getUint16(at + OFFSET_HEAD_BYTES - 2, true);
    lines.push(`offset ${group} ${hexOf(body.subarray(at, end))}`);
    at = end;
  }
  return lines;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

/** Recovers a broker from `image` in a world of its own and compares it with what `live` was. */
export function promiseReplay(stage: Stage, image: Volume, live: readonly string[]): void {
  const world = new World(stage.world.seed);
  const elsewhere = new StageOf(world, stage.scenario, stage.mistake);
  elsewhere.isHealing = true;
  const ending = { kind: 'close', operations: 0, afterMicros: 10 * PATIENCE_MICROS } as const;
  const life = new Life(elsewhere, image, ending);
  life.disk.faults = calmDisk;
  let replayed: string[] | null = null;
  // Before anybody decides anything: what follows from the log alone.
  const { state } = life.broker.replayed;
  const { restored } = state;
  state.restored = () => {
    restored.call(state);
    replayed = describeState(life.broker);
  };
  life.start(() => undefined);
  world.runUntil(() => life.isOpen || life.isOver, PATIENCE_MICROS);
  const reason = life.openError?.message ?? 'it takes for ever';
  promise(replayed !== null, `what is durable does not open: ${reason}`);
  compare(live, replayed);
}

function compare(live: readonly string[], replayed: readonly string[]): void {
  const there = new Set(replayed);
  const here = new Set(live);
  const missing = live.filter((line) => !there.has(line));
  const extra = replayed.filter((line) => !here.has(line));
  const what = `live: ${missing.slice(0, 3).join('; ')} replayed: ${extra.slice(0, 3).join('; ')}`;
  promise(missing.length === 0 && extra.length === 0, `state(live) is not state(replay): ${what}`);
}
