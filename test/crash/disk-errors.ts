/**
 * A disk that fails: one write or sync returns an error. The broker stops at once with its own exit code,
 * nothing is acked on the strength of it, and after the power has been off what was acked is there.
 */
import path from 'node:path';
import type { SeededRandom } from '../../simulation/random.ts';
import type { BrokerProcess, Ending } from './broker-process.ts';
import { sleep, smallSettings } from './kills.ts';
import type { PowerRig } from './power-rig.ts';
import { check, type Report } from './report.ts';
import { Session } from './session.ts';
import { failing, failuresIn } from './trace.ts';

const MIB = 1024 * 1024;
/** As `polylog start` documents it: the broker cannot go on. */
const FAULT_CODE = 70;
const WAIT_MS = 20_000;
const retention = { 'retention.bytes': String(24 * MIB) };

interface Failure {
  readonly name: string;
  readonly calls: string;
  readonly error: string;
  /** Among so many calls of a thread, one fails. */
  readonly among: number;
}

const failures: readonly Failure[] = [
  { name: 'the sync of a group', calls: 'fdatasync', error: 'EIO', among: 60 },
  { name: 'a write', calls: 'pwrite64,pwritev,pwritev2', error: 'EIO', among: 150 },
  { name: 'the sync of a new file', calls: 'fsync', error: 'EIO', among: 8 },
  { name: 'a write for want of space', calls: 'pwrite64,pwritev', error: 'ENOSPC', among: 150 },
];

/** `rig`: where the power can be cut after the failure; null: on an ordinary folder. */
export async function diskErrors(
  report: Report,
  plan: { readonly rounds: number; readonly folder: string; readonly rig: PowerRig | null },
  random: SeededRandom,
): Promise<void> {
  const { rig } = plan;
  const dataDir = (): string => path.join(rig?.folder ?? plan.folder, 'data');
  const session = new Session({ dataDir: dataDir(), settings: smallSettings }, random);
  await check(report, 'disk errors: a new data folder', async () => {
    const broker = await session.start();
    await session.setUp(broker, retention);
    await broker.stop();
    return '';
  });
  for (let round = 1; round <= plan.rounds; round++) {
    const failure = failures[(round - 1) % failures.length];
    if (failure === undefined) throw new Error('there are failures');
    const nth = random.between(2, failure.among);
    const name = `disk errors: ${failure.error} on ${failure.name}, call ${nth}`;
    const notes = path.join(plan.folder, `trace-${round}`);
    const isFine = await check(report, name, async () => {
      const said = await failRound(
        session,
        failing(failure.calls, failure.error, nth, notes),
        notes,
      );
      if (rig !== null) {
        rig.cut();
        session.change({ dataDir: dataDir() });
      }
      return `${said}; ${await lookAfter(session)}`;
    });
    if (!isFine) return;
  }
}

async function failRound(
  session: Session,
  under: readonly string[],
  notes: string,
): Promise<string> {
  let broker: BrokerProcess;
  try {
    broker = await session.start({ under });
  } catch (error) {
    // The call that failed came before it was ready.
    if (failuresIn(notes) > 0) return 'failed while it started';
    throw error;
  }
  try {
    await session.verify(broker);
    const load = await session.load(broker, {
      bytesMax: Number.POSITIVE_INFINITY,
      bytesPerSecond: 24 * MIB,
      churn: true,
    });
    load.start();
    const ending = await endOf(broker);
    if (ending === null) {
      const seen = failuresIn(notes);
      if (seen > 0) throw new Error(`it goes on after ${seen} failures: ${broker.output}`);
      await broker.crash();
      await load.ended();
      return 'the call never came';
    }
    await load.ended();
    session.claims.assertKept();
    if (ending.code !== FAULT_CODE) {
      throw new Error(`ended with ${ending.code ?? ending.signal}: ${broker.output}`);
    }
    const codes = [...load.tally.errors].join(', ');
    return `${load.tally.acked} acked, refused with ${codes === '' ? 'nothing' : codes}`;
  } finally {
    await broker.crash();
  }
}

async function endOf(broker: BrokerProcess): Promise<Ending | null> {
  return Promise.race([broker.ended, sleep(WAIT_MS).then(() => null)]);
}

async function lookAfter(session: Session): Promise<string> {
  const broker = await session.start();
  try {
    const { records, kept, gone } = await session.verify(broker);
    return `after the restart ${records} records, ${kept} unanswered batches kept, ${gone} gone`;
  } finally {
    await broker.crash();
  }
}
