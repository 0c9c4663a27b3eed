/**
 * Reading a damaged log: from batch to batch, past those that are refused. What is damaged may be
 * refused; it must not be served, and the rest must be.
 */
import { type Batch, readBatches } from './batches.ts';
import type { BrokerProcess } from './broker-process.ts';
import { type Claim, type Claims, describe } from './claims.ts';
import { Connection } from './connection.ts';
import { fetch } from './wire.ts';

const FETCH_BYTES = 1024 * 1024;

export interface AroundReport {
  batches: number;
  refusals: number;
}

export async function readAround(claims: Claims, broker: BrokerProcess): Promise<AroundReport> {
  const report: AroundReport = { batches: 0, refusals: 0 };
  for (const topic of claims.topics.values()) {
    for (let partition = 0; partition < topic.partitions; partition++) {
      const known = topic.streams
        .filter((stream) => stream.partition === partition)
        .flatMap((stream) => stream.claims)
        .filter(({ offset }) => offset >= (topic.logStarts[partition] ?? 0))
        .sort((left, right) => left.offset - right.offset);
      await readPartition(claims, broker, topic.name, partition, known, report);
      if (broker.hasEnded) throw new Error(`the broker has ended: ${broker.output}`);
    }
  }
  return report;
}

async function readPartition(
  claims: Claims,
  broker: BrokerProcess,
  topic: string,
  partition: number,
  known: readonly Claim[],
  report: AroundReport,
): Promise<void> {
  let connection = await Connection.connect(broker.port);
  for (let i = 0; i < known.length; ) {
    const offset = known[i]?.offset ?? 0;
    const request = fetch.request({ topic, partition, offset, maxBytes: FETCH_BYTES }, 500);
    const fetched = await connection.call(request, fetch.answer).catch(() => null);
    if (fetched === null) {
      report.refusals += 1;
      i += 1;
      connection = await Connection.connect(broker.port);
      continue;
    }
    const batches = readBatches(fetched.records);
    let next = offset;
    for (const batch of batches) {
      report.batches += 1;
      next = batch.baseOffset + Math.max(1, batch.count);
      judge(claims, `${topic}/${partition}`, batch);
    }
    if (batches.length === 0) {
      report.refusals += 1;
      i += 1;
    }
    while ((known[i]?.offset ?? next) < next) i += 1;
  }
  await connection.close();
}

function judge(claims: Claims, place: string, batch: Batch): void {
  if (batch.fault !== null) {
    claims.violated(`${place} serves ${batch.fault} at ${batch.baseOffset}`);
    return;
  }
  const claim = claims.streamById(batch.stream)?.find(batch.first);
  if (claim === undefined || `${claim.stream.topic.name}/${claim.stream.partition}` !== place) {
    claims.violated(`${place} serves at ${batch.baseOffset} what was not sent there`);
  } else if (claim.offset >= 0 && claim.offset !== batch.baseOffset) {
    claims.violated(`${place} serves at ${batch.baseOffset} the ${describe(claim)}`);
  }
}
