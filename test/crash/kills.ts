/**
 * Kills: the same data folder through many deaths of its broker, under load, at rest, while it starts
 * and while it ends.
 */
import type { SeededRandom } from '../../simulation/random.ts';
import { BrokerProcess } from './broker-process.ts';
import { check, type Report, spread } from './report.ts';
import { Session } from './session.ts';

const MIB = 1024 * 1024;

export interface KillPlan {
  readonly name: string;
  readonly rounds: number;
  readonly dataDir: string;
  readonly settings: Readonly<Record<string, string | number>>;
  /** Of values. */
  readonly bytesPerSecond: number;
}

/** Small everything, so that a short run meets every path: rolling, sealing, checkpoints, retention. */
export const smallSettings = {
  SEGMENT_BYTES: 2 * MIB,
  CHECKPOINT_BYTES: 4 * MIB,
  RETENTION_CHECK_MS: 200,
  GROUP_INITIAL_REBALANCE_DELAY_MS: 0,
};

type Moment = 'load' | 'early' | 'idle' | 'drain' | 'start';

const moments: readonly [Moment, ...Moment[]] = [
  ...(['load', 'load', 'load', 'load', 'load'] as const),
  ...(['early', 'idle', 'drain', 'start'] as const),
];

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export async function killRounds(
  report: Report,
  plan: KillPlan,
  random: SeededRandom,
): Promise<void> {
  const session = new Session({ dataDir: plan.dataDir, settings: plan.settings }, random);
  await check(report, `${plan.name}: a new data folder`, async () => {
    const broker = await session.start();
    await session.setUp(broker);
    await broker.crash();
    return '';
  });
  for (let round = 1; round <= plan.rounds; round++) {
    const moment = round === 1 ? 'load' : random.pick(moments);
    const name = `${plan.name}: kill ${round} of ${plan.rounds}, ${moment}`;
    const isFine = await check(report, name, () => killRound(session, plan, moment, random));
    // What is missing now will be missing later.
    if (!isFine) return;
  }
  await check(report, `${plan.name}: a clean end and start`, async () => {
    const before = await session.start();
    await session.verify(before);
    const ending = await before.stop();
    if (ending.code !== 0) throw new Error(`ended with ${ending.code}: ${before.output}`);
    const broker = await session.start();
    const { records, bytes } = await session.verify(broker);
    await broker.stop();
    const acked = `${session.claims.ackedRecords} acked and ${session.groups.commits} commits in all`;
    return `${records} records, ${(bytes / MIB).toFixed(0)} MiB kept, ${acked}`;
  });
  console.log(`        ${plan.name}: ready in ${spread(session.readyMs, 'ms')} as the broker says`);
  console.log(`        ${plan.name}: ready in ${spread(session.measuredMs, 'ms')} as measured`);
}

/** A data folder is killed again and again while it is made; then it must be one. */
export async function killBirths(
  report: Report,
  plan: { readonly rounds: number; readonly dataDir: string },
  random: SeededRandom,
): Promise<void> {
  await check(report, `${plan.rounds} kills while a data folder is made`, async () => {
    let usual = 500;
    for (let round = 1; round <= plan.rounds; round++) {
      const options = { dataDir: `${plan.dataDir}-${round}`, settings: smallSettings };
      for (let times = random.between(1, 3); times > 0; times--) {
        const broker = new BrokerProcess(options);
        await sleep(random.below(usual));
        await broker.crash();
      }
      const session = new Session(options, random);
      const broker = await session.start();
      usual = broker.measuredMs * 1.1;
      await session.setUp(broker);
      await session.verify(broker);
      await broker.crash();
    }
    return '';
  });
}

async function killRound(
  session: Session,
  plan: KillPlan,
  moment: Moment,
  random: SeededRandom,
): Promise<string> {
  if (moment === 'start') await killWhileStarting(session, random);
  const broker = await session.start();
  try {
    const { kept, gone, batches } = await session.verify(broker);
    const load = await session.load(broker, {
      bytesMax: Number.POSITIVE_INFINITY,
      bytesPerSecond: plan.bytesPerSecond,
      churn: true,
    });
    load.start();
    const waited = await waitFor(moment, random, () => load.finish(), broker);
    await broker.crash();
    await load.ended();
    const { acked, refused } = load.tally;
    if (refused > 0) throw new Error(`${refused} refused: ${[...load.tally.errors]}`);
    session.claims.assertKept();
    return (
      `ready in ${broker.reportedMs} ms with ${batches} batches, ${kept} unanswered ones kept and ` +
      `${gone} gone; then ${acked} acked, killed ${waited}`
    );
  } finally {
    await broker.crash();
  }
}

/** Lets time pass until the kill; says what it was. */
async function waitFor(
  moment: Moment,
  random: SeededRandom,
  finish: () => Promise<void>,
  broker: BrokerProcess,
): Promise<string> {
  const busy = moment === 'early' ? random.below(40) : random.below(1500);
  await sleep(busy);
  if (moment === 'idle') {
    await finish();
    const rest = random.below(300);
    await sleep(rest);
    return `after ${busy} ms of load and ${rest} ms of rest`;
  }
  if (moment !== 'drain') return `after ${busy} ms of load`;
  broker.kill('SIGTERM');
  const ending = random.below(60);
  await sleep(ending);
  return `${ending} ms into its end`;
}

async function killWhileStarting(session: Session, random: SeededRandom): Promise<void> {
  const usual = session.measuredMs[session.measuredMs.length - 1] ?? 300;
  for (let times = random.between(1, 3); times > 0; times--) {
    session.claims.run += 1;
    const broker = new BrokerProcess(session.options);
    await sleep(random.below(Math.ceil(usual * 1.1)));
    await broker.crash();
  }
}
