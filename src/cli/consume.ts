/**
 * `polylog consume`: the records of one topic, from a place on, to the end or for ever.
 *
 * With a group it begins where that group is and commits what was printed, after it was printed: what
 * is interrupted in between is printed again by the next call.
 */

import { type AdminSession, at, withBroker } from './admin-session.ts';
import { wholeNumber } from './assignments.ts';
import { CommandFailure, exitCode } from './failure.ts';
import type { GroupDescription } from './groups-describe.ts';
import { onInterrupt, unlessInterrupted } from './interrupt.ts';
import { note } from './output.ts';
import { type Place, parsePlace } from './place.ts';
import { fieldPrinter, type PrintRecords, parseFields, printRecordsJson } from './record-print.ts';
import { type PartitionRead, RecordReader } from './record-reader.ts';
import type { TopicDescription } from './topics-describe.ts';

export interface ConsumeFlags {
  readonly partition?: readonly string[];
  readonly from?: string;
  readonly fromBeginning?: boolean;
  readonly count?: string;
  readonly follow?: boolean;
  readonly group?: string;
  readonly print?: string;
  readonly separator?: string;
  readonly json?: boolean;
}

/** In one request. */
const recordsMax = 5000;
const waitMs = 5000;

export async function consume(dataDir: string, topic: string, flags: ConsumeFlags): Promise<void> {
  const plan = planOf(topic, flags);
  const signal = onInterrupt();
  await withBroker(dataDir, async (session) => {
    const reader = await begin(session, plan, signal);
    if (reader !== undefined) await run(session, plan, reader, signal);
  });
}

interface Plan {
  readonly topic: string;
  readonly partitions: readonly number[] | null;
  /** Null: where the group is, or the beginning. */
  readonly from: Place | null;
  readonly count: number;
  readonly follows: boolean;
  readonly group: string | null;
  readonly print: PrintRecords;
}

function planOf(topic: string, flags: ConsumeFlags): Plan {
  const { partition, from, fromBeginning, count, follow = false, group = null } = flags;
  if (from !== undefined && fromBeginning === true) {
    throw new CommandFailure('--from or --from-beginning, not both', exitCode.usage);
  }
  return {
    topic,
    partitions: partition?.map((text) => wholeNumber('--partition', text, { min: 0 })) ?? null,
    from:
      fromBeginning === true ? 'earliest' : from === undefined ? null : parsePlace('--from', from),
    count:
      count === undefined ? Number.POSITIVE_INFINITY : wholeNumber('--count', count, { min: 1 }),
    follows: follow,
    group,
    print:
      flags.json === true
        ? printRecordsJson
        : fieldPrinter(parseFields(flags.print ?? 'value'), flags.separator ?? '\t'),
  };
}

async function begin(
  session: AdminSession,
  plan: Plan,
  signal: AbortSignal,
): Promise<RecordReader | undefined> {
  const { topic, partitions, from, group } = plan;
  const work = session.call<TopicDescription>('GET', at`/v1/topics/${topic}`, { signal });
  const described = await unlessInterrupted(signal, work);
  if (described === undefined) return undefined;
  const committed = group === null ? new Map() : await committedOffsets(session, group, topic);
  const reader = new RecordReader(session);
  for (const partition of partitions ?? described.partitions.map((each) => each.partition)) {
    const known = described.partitions[partition];
    let place: Place = from ?? 'earliest';
    const offset = committed.get(partition);
    if (from === null && offset !== undefined) {
      place = offset;
      if (known !== undefined && (offset < known.logStart || offset > known.highWatermark)) {
        note(`polylog: ${topic}, partition ${partition}: offset ${offset} of the group is gone`);
        place = 'earliest';
      }
    }
    reader.add(topic, partition, place, known?.highWatermark);
  }
  return reader;
}

/** None when there is no such group: the first commit makes it. */
async function committedOffsets(
  session: AdminSession,
  group: string,
  topic: string,
): Promise<Map<number, number>> {
  const offsets = new Map<number, number>();
  const path = at`/v1/groups/${group}/offsets`;
  const { offsets: all } = await session.call<Pick<GroupDescription, 'offsets'>>('GET', path);
  for (const each of all) {
    if (each.topic === topic && each.committed !== null)
      offsets.set(each.partition, each.committed);
  }
  return offsets;
}

async function run(
  session: AdminSession,
  plan: Plan,
  reader: RecordReader,
  signal: AbortSignal,
): Promise<void> {
  let left = plan.count;
  while (left > 0 && !signal.aborted) {
    const maxRecords = Math.min(left, recordsMax);
    const limits = { maxRecords, waitMs: plan.follows ? waitMs : 0, signal };
    const reads = await unlessInterrupted(signal, reader.read(limits));
    if (reads === undefined) return;
    for (const read of reads) {
      await plan.print(read);
      left -= read.records.length;
    }
    if (plan.group !== null && reads.length > 0) await commit(session, plan.group, reads);
    if (!plan.follows && reader.isAtEnd) return;
    if (plan.follows && reads.length === 0) await addGrown(session, plan, reader, signal);
  }
}

/** Partitions that the topic got meanwhile are read from their beginning. */
async function addGrown(
  session: AdminSession,
  { topic, partitions }: Plan,
  reader: RecordReader,
  signal: AbortSignal,
): Promise<void> {
  if (partitions !== null) return;
  const work = session.call<TopicDescription>('GET', at`/v1/topics/${topic}`, { signal });
  const described = await unlessInterrupted(signal, work);
  for (const { partition } of described?.partitions ?? []) reader.add(topic, partition, 'earliest');
}

async function commit(
  session: AdminSession,
  group: string,
  reads: readonly PartitionRead[],
): Promise<void> {
  const offsets = reads.map(({ topic, partition, nextOffset }) => ({
    topic,
    partition,
    offset: nextOffset,
  }));
  await session.call('PUT', at`/v1/groups/${group}/offsets`, { body: { offsets } });
}
