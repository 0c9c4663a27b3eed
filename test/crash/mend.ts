/**
 * After damage: `polylog repair` says what is lost, and with leave a broker starts without it.
 *
 * Owns: running the command, and reading everything that it does not call lost: each acknowledged batch
 * at its offset, with its content, in order.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { readBatches } from './batches.ts';
import type { BrokerProcess } from './broker-process.ts';
import { type Claim, describe } from './claims.ts';
import { Connection } from './connection.ts';
import type { Session } from './session.ts';
import { errors, fetch, listOffsets } from './wire.ts';

const ENTRY = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const FETCH_BYTES = 4 * 1024 * 1024;

interface LostRange {
  readonly topic: string;
  readonly partition: number;
  readonly first: number;
  readonly last: number;
}

interface RepairReport {
  readonly damage: readonly { readonly path: string; readonly what: string }[];
  readonly lost: readonly LostRange[];
}

export interface RepairRun {
  readonly code: number | null;
  readonly report: RepairReport | null;
  readonly said: string;
}

export function runRepair(dataDir: string, ...flags: readonly string[]): RepairRun {
  const args = [ENTRY, 'repair', '--data-dir', dataDir, '--json', ...flags];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  const report = stdout.startsWith('{') ? (JSON.parse(stdout) as RepairReport) : null;
  return { code: status, report, said: stderr.trim() };
}

/**
 * Repairs the folder of `session` and starts on it. Nothing but `expendable` may be lost; null: whatever
 * the command names.
 */
export async function mend(
  session: Session,
  dataDir: string,
  expendable: ReadonlySet<Claim> | null,
): Promise<string> {
  const looked = runRepair(dataDir);
  if (looked.code !== 1 || looked.report === null) {
    throw new Error(`repair ended with ${looked.code}: ${looked.said}`);
  }
  const accepted = runRepair(dataDir, '--accept-loss');
  if (accepted.code !== 0)
    throw new Error(`accepting ended with ${accepted.code}: ${accepted.said}`);
  const again = runRepair(dataDir);
  if (again.code !== 0) throw new Error(`after it repair ended with ${again.code}: ${again.said}`);
  let lost = 0;
  // The second start reads what the first has made of it.
  for (let run = 1; run <= 2; run++) {
    const broker = await session.start();
    try {
      lost = await verifyRest(session, broker, looked.report.lost, expendable);
      session.claims.assertKept();
    } finally {
      if (run === 1) await broker.stop();
      else await broker.crash();
    }
  }
  return `${looked.report.damage.length} places, ${lost} batches given up`;
}

async function verifyRest(
  session: Session,
  broker: BrokerProcess,
  lost: readonly LostRange[],
  expendable: ReadonlySet<Claim> | null,
): Promise<number> {
  const { claims } = session;
  const connection = await Connection.connect(broker.port);
  const found = new Set<Claim>();
  for (const topic of claims.topics.values()) {
    if (topic.presence !== 'present') continue;
    for (let partition = 0; partition < topic.partitions; partition++) {
      await readAll(session, connection, topic.name, partition, found);
    }
  }
  let missing = 0;
  for (const stream of claims.liveStreams()) {
    const start = stream.topic.logStarts[stream.partition] ?? 0;
    for (const claim of stream.claims) {
      if (claim.offset < start || found.has(claim)) continue;
      if (claim.fate !== 'acked' && claim.fate !== 'kept') continue;
      missing += 1;
      if (!isNamed(claim, lost))
        claims.violated(`repair does not name as lost: ${describe(claim)}`);
      if (expendable !== null && !expendable.has(claim)) {
        claims.violated(`lost with a block that it was not in: ${describe(claim)}`);
      }
    }
  }
  await connection.close();
  return missing;
}

function isNamed(claim: Claim, lost: readonly LostRange[]): boolean {
  const { stream, offset, count } = claim;
  return lost.some(
    ({ topic, partition, first, last }) =>
      topic === stream.topic.name &&
      partition === stream.partition &&
      first <= offset &&
      last >= offset + count - 1,
  );
}

async function readAll(
  { claims }: Session,
  connection: Connection,
  topic: string,
  partition: number,
  found: Set<Claim>,
): Promise<void> {
  const place = { topic, partition };
  const ask = (time: number) =>
    connection.call(listOffsets.request(place, time), listOffsets.answer);
  const end = (await ask(-1)).offset;
  const known = claims.topics.get(topic)?.ends[partition] ?? 0;
  if (end < known) claims.violated(`${topic}/${partition} ended at ${known}, and now at ${end}`);
  const start = (await ask(-2)).offset;
  const topicClaim = claims.topics.get(topic);
  // Retention goes on meanwhile.
  if (topicClaim !== undefined) topicClaim.logStarts[partition] = start;
  for (let offset = start; offset < end; ) {
    const request = fetch.request({ ...place, offset, maxBytes: FETCH_BYTES }, 0);
    const fetched = await connection.call(request, fetch.answer);
    if (fetched.error === errors.offsetOutOfRange && topicClaim !== undefined) {
      const later = (await ask(-2)).offset;
      topicClaim.logStarts[partition] = later;
      if (later > offset) {
        offset = later;
        continue;
      }
    }
    if (fetched.error !== errors.none) {
      claims.violated(`${topic}/${partition} cannot be read at ${offset}: ${fetched.error}`);
      return;
    }
    const batches = readBatches(fetched.records);
    // A gap up to the end.
    if (batches.length === 0) return;
    for (const batch of batches) {
      const claim = claims.streamById(batch.stream)?.find(batch.first);
      const isRight = claim?.offset === batch.baseOffset || claim?.offset === -1;
      if (
        batch.fault !== null ||
        claim === undefined ||
        !isRight ||
        batch.baseOffset < offset - batch.count
      ) {
        claims.violated(`${topic}/${partition} holds the wrong batch at ${batch.baseOffset}`);
        return;
      }
      found.add(claim);
      offset = Math.max(offset, batch.baseOffset + Math.max(1, batch.count));
    }
  }
}
