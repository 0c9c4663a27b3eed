/**
 * The crash suite: real brokers, killed, cut off from power, out of space and lied to by their disk.
 *
 *     npm run crash                       everything
 *     npm run crash -- --sampled          a few rounds of each, for every change
 *     npm run crash -- --backlog backlog  30 million batches, some minutes
 *     npm run crash -- --seed 7 kills     one part, with the choices of an earlier run
 *
 * Owns: the order of parts, arguments, the totals on the last line.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { SeededRandom } from '../../simulation/random.ts';
import { backlog } from './backlog.ts';
import { damage } from './damage.ts';
import { diskErrors } from './disk-errors.ts';
import { fullDisk } from './full-disk.ts';
import { killBirths, killRounds, smallSettings } from './kills.ts';
import { lateSyncs, powerCuts } from './power-cuts.ts';
import { MemoryMount, PowerRig, rigUnavailable } from './power-rig.ts';
import { QUEUE_HOST, runQueueHost } from './queue-host.ts';
import { queueKills } from './queues.ts';
import { type Report, skipped } from './report.ts';
import { traceUnavailable } from './trace.ts';

const MIB = 1024 * 1024;

interface Run {
  readonly report: Report;
  readonly random: SeededRandom;
  readonly isSampled: boolean;
  /** The long form of `backlog`. */
  readonly hasBacklog: boolean;
  /** A folder of the suite's own on the ordinary file system. */
  readonly folder: string;
}

const parts: Readonly<Record<string, (run: Run) => Promise<void>>> = {
  kills: async ({ report, random, isSampled, folder }) => {
    await killRounds(
      report,
      {
        name: 'small segments',
        rounds: isSampled ? 8 : 50,
        dataDir: path.join(folder, 'small'),
        settings: smallSettings,
        bytesPerSecond: 16 * MIB,
      },
      random.fork('small'),
    );
    await killRounds(
      report,
      {
        name: 'defaults',
        rounds: isSampled ? 2 : 10,
        dataDir: path.join(folder, 'defaults'),
        settings: {},
        bytesPerSecond: 48 * MIB,
      },
      random.fork('defaults'),
    );
    if (!isSampled) {
      // The kernel outlives the process: what it was given is there, synced or not.
      const plan = {
        name: 'durability write',
        rounds: 10,
        dataDir: path.join(folder, 'write'),
        settings: { ...smallSettings, DURABILITY: 'write' },
        bytesPerSecond: 24 * MIB,
      };
      await killRounds(report, plan, random.fork('write'));
    }
    const births = { rounds: isSampled ? 3 : 15, dataDir: path.join(folder, 'new') };
    await killBirths(report, births, random.fork('births'));
  },
  power: async ({ report, random, isSampled, folder }) => {
    const reason = rigUnavailable();
    if (reason !== null) return skipped('power cuts', reason);
    const plan = { rounds: isSampled ? 4 : 20, folder: path.join(folder, 'power') };
    await powerCuts(report, plan, random);
    if (traceUnavailable() === null) await lateSyncs(report, plan, random.fork('late'));
  },
  full: async ({ report, random, isSampled, folder }) => {
    const reason = rigUnavailable();
    if (reason !== null) return skipped('full disk', reason);
    const memory = new MemoryMount(path.join(folder, 'full'), 96 * MIB);
    await fullDisk(report, { name: 'tmpfs', folder: memory.folder }, random.fork('tmpfs'));
    memory.close();
    if (isSampled) return;
    const rig = new PowerRig(path.join(folder, 'full-ext4'), 160 * MIB);
    await fullDisk(report, { name: 'ext4', folder: rig.folder }, random.fork('ext4'));
    rig.close();
  },
  errors: async ({ report, random, isSampled, folder }) => {
    const reason = traceUnavailable();
    if (reason !== null) return skipped('disk errors', reason);
    const isRig = rigUnavailable() === null;
    const rig = isRig ? new PowerRig(path.join(folder, 'errors'), 384 * MIB) : null;
    try {
      await diskErrors(report, { rounds: isSampled ? 4 : 16, folder, rig }, random);
    } finally {
      rig?.close();
    }
  },
  damage: async ({ report, random, isSampled, folder }) => {
    const rounds = isSampled ? { tails: 3, flips: 3 } : { tails: 15, flips: 15 };
    await damage(report, { ...rounds, folder: path.join(folder, 'damage') }, random);
  },
  queues: async ({ report, random, isSampled, folder }) => {
    const plan = { rounds: isSampled ? 3 : 15, dataDir: path.join(folder, 'queues') };
    await queueKills(report, plan, random);
  },
  backlog: async ({ report, hasBacklog, folder }) => {
    const steps = hasBacklog ? [1e6, 10e6, 30e6] : [1e6];
    await backlog(report, { dataDir: path.join(folder, 'backlog'), steps });
  },
};

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      sampled: { type: 'boolean' },
      backlog: { type: 'boolean' },
      seed: { type: 'string' },
      keep: { type: 'boolean' },
    },
  });
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'polylog-crash-'));
  const report: Report = { passed: 0, failed: 0 };
  console.log(`crash suite, seed ${seed}, Node ${process.version}, in ${folder}`);
  for (const [name, part] of Object.entries(parts)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    const random = new SeededRandom(seed).fork(name);
    const isSampled = values.sampled === true;
    const hasBacklog = values.backlog === true;
    await part({ report, random, isSampled, hasBacklog, folder });
  }
  if (report.failed > 0 || values.keep === true)
    console.log(`seed ${seed}; folders kept: ${folder}`);
  else fs.rmSync(folder, { recursive: true, force: true });
  console.log(`${report.passed} passed, ${report.failed} failed`);
  process.exitCode = report.failed > 0 ? 1 : 0;
}

const [, , first, second] = process.argv;
if (first === QUEUE_HOST) await runQueueHost(second ?? '');
else await main();
