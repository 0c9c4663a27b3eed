/**
 * Power cuts: the broker is killed and everything that was not synced is lost, or, worse, only some of
 * it is.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { SeededRandom } from '../../simulation/random.ts';
import { sleep, smallSettings } from './kills.ts';
import { PowerRig } from './power-rig.ts';
import { check, type Report, spread } from './report.ts';
import { Session } from './session.ts';
import { slowSyncs, traceUnavailable } from './trace.ts';

const MIB = 1024 * 1024;
const PAGE_BYTES = 4096;
const IMAGE_BYTES = 384 * MIB;
/** So that what is kept stays well below the image. */
const retention = { 'retention.bytes': String(24 * MIB) };

export interface PowerCutPlan {
  readonly rounds: number;
  /** Where the rig may mount. */
  readonly folder: string;
}

export async function powerCuts(
  report: Report,
  plan: PowerCutPlan,
  random: SeededRandom,
): Promise<void> {
  const rig = new PowerRig(plan.folder, IMAGE_BYTES);
  try {
    const session = new Session({ dataDir: folderOf(rig), settings: smallSettings }, random);
    for (let round = 1; round <= plan.rounds; round++) {
      // Syncs of a file in memory take no time; slow ones leave something to lose.
      const isSlow = traceUnavailable() === null && round % 4 !== 1;
      session.change({ under: isSlow ? slowSyncs(random.between(1, 30)) : [] });
      const tears = round % 2 === 0;
      const name = `power cut ${round} of ${plan.rounds}${tears ? ', torn writes' : ''}`;
      const isFine = await check(report, name, () => cutRound(session, rig, tears, random));
      if (!isFine) return;
    }
    session.change({ under: [] });
    await check(report, 'power cut: after the last one', async () => {
      const broker = await session.start();
      const { records, kept, gone } = await session.verify(broker);
      const ending = await broker.stop();
      if (ending.code !== 0) throw new Error(`ended with ${ending.code}: ${broker.output}`);
      return `${records} records there, ${kept} unanswered batches kept and ${gone} gone`;
    });
    console.log(`        power cut: ready in ${spread(session.readyMs, 'ms')} as the broker says`);
  } finally {
    rig.close();
  }
}

/**
 * The rig is worth what it finds: a broker that answers before the sync must be found out. What it then
 * has lost is a tail; it starts without complaint, and nothing of it is out of place.
 */
export async function lateSyncs(
  report: Report,
  plan: PowerCutPlan,
  random: SeededRandom,
): Promise<void> {
  const rig = new PowerRig(plan.folder, IMAGE_BYTES);
  try {
    await check(report, 'power cut: with durability `write` acked records are lost', async () => {
      for (let round = 1; round <= 5; round++) {
        const lost = await loseTail(rig, `write-${round}`, random);
        if (lost > 0) return `${lost} of them, in round ${round}`;
      }
      throw new Error('none was lost in 5 rounds: the rig loses nothing');
    });
  } finally {
    rig.close();
  }
}

/** Counts the acked batches that a power cut has taken. */
async function loseTail(rig: PowerRig, name: string, random: SeededRandom): Promise<number> {
  const settings = { ...smallSettings, DURABILITY: 'write' };
  const dataDir = (): string => path.join(rig.folder, name);
  const session = new Session({ dataDir: dataDir(), settings }, random);
  const broker = await session.start({ under: slowSyncs(100) });
  await session.setUp(broker, retention);
  const wish = { bytesMax: Number.POSITIVE_INFINITY, bytesPerSecond: 32 * MIB, churn: false };
  const load = await session.load(broker, wish);
  load.start();
  await sleep(200 + random.below(300));
  await broker.crash();
  rig.cut();
  await load.ended();
  session.change({ dataDir: dataDir() });
  const again = await session.start();
  const kinds = await session.verify(again).then(
    () => [],
    (error: Error) => error.message.split('\n').slice(1),
  );
  await again.crash();
  const isTail = (what: string): boolean => /lost what was|showed, and lost|ended at/.test(what);
  const other = kinds.filter((what) => !isTail(what));
  if (other.length > 0) throw new Error(other.join('\n'));
  return kinds.filter((what) => what.includes('lost what was')).length;
}

function folderOf(rig: PowerRig): string {
  return path.join(rig.folder, 'data');
}

async function cutRound(
  session: Session,
  rig: PowerRig,
  tears: boolean,
  random: SeededRandom,
): Promise<string> {
  const broker = await session.start();
  try {
    const isNew = session.claims.topics.size === 0;
    if (isNew) await session.setUp(broker, retention);
    const { kept, gone } = await session.verify(broker);
    const load = await session.load(broker, {
      bytesMax: Number.POSITIVE_INFINITY,
      bytesPerSecond: random.between(4, 48) * MIB,
      churn: true,
    });
    load.start();
    const busy = random.chance(0.2) ? random.below(50) : random.below(1200);
    await sleep(busy);
    const ended = broker.crash();
    await ended;
    let torn = 0;
    rig.cut((before, after) => {
      if (tears) torn = tearSegments(before, after, random);
    });
    await load.ended();
    session.change({ dataDir: folderOf(rig) });
    session.claims.assertKept();
    return (
      `ready in ${broker.reportedMs} ms, ${kept} unanswered batches kept and ${gone} gone; then ` +
      `${load.tally.acked} acked in ${busy} ms${tears ? `, ${torn} unsynced pages kept at random` : ''}`
    );
  } finally {
    await broker.crash();
  }
}

/**
 * A disk may have written any of the pages that no sync has covered. Of those in which the two file
 * systems differ, some are taken over into the one after the cut.
 */
function tearSegments(before: string, after: string, random: SeededRandom): number {
  let torn = 0;
  const folder = path.join('data', 'segments');
  if (!fs.existsSync(path.join(after, folder))) return 0;
  for (const name of fs.readdirSync(path.join(after, folder))) {
    const source = path.join(before, folder, name);
    if (!fs.existsSync(source)) continue;
    const there = fs.readFileSync(source);
    const target = path.join(after, folder, name);
    const here = fs.readFileSync(target);
    // Another segment under the same name has other pages.
    if (there.length !== here.length || !samePage(there, here, 0)) continue;
    const share = random.fraction();
    const fd = fs.openSync(target, 'r+');
    for (let at = PAGE_BYTES; at < here.length; at += PAGE_BYTES) {
      if (samePage(there, here, at) || !random.chance(share)) continue;
      fs.writeSync(fd, there, at, PAGE_BYTES, at);
      torn += 1;
    }
    fs.closeSync(fd);
  }
  return torn;
}

function samePage(left: Buffer, right: Buffer, at: number): boolean {
  return left.compare(right, at, at + PAGE_BYTES, at, at + PAGE_BYTES) === 0;
}
