/**
 * The hostile suite: a real broker, peers that mean it harm, and a client beside them that behaves.
 *
 *     npm run hostile                        everything
 *     npm run hostile -- --sampled           a few seconds of each, for every change
 *     npm run hostile -- --seed 7 bombs      one attack, with the choices of an earlier run
 *
 * Owns: the order of attacks, what the good client may notice, what memory may be taken, what has to
 * be back afterwards. The last line is "N passed, N failed".
 */

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Body, batchOf, keys, produceBody } from '../../conformance/kafka/wire.ts';
import { SeededRandom } from '../../simulation/random.ts';
import { BrokerProcess } from '../crash/broker-process.ts';
import { check, type Report } from '../crash/report.ts';
import { attacks } from './attacks.ts';
import { GoodClient, type Quiet } from './good-client.ts';
import { Peer, rest } from './peer.ts';

const MIB = 1024 * 1024;
/** The attacking processes run this file, with this as their first argument. */
const attackWord = '--attack';
const self = fileURLToPath(import.meta.url);

const connectionBytesMax = 128 * MIB;
/** Over what the broker had when nobody had attacked it: its budget, garbage, and the kernel's share. */
const residentExtraMax = connectionBytesMax * 1.25 + 384 * MIB;
/**
 * What the allocator keeps after a storm: two threads' worth of what was freed in pieces. What would
 * leak, from attack to attack, gets over it.
 */
const residentKeptMax = 352 * MIB;
/** A heap that leaks does not last long; and garbage is collected when we ask, so that it counts not. */
const heapFlags = [
  '--max-old-space-size=320',
  '--expose-gc',
  '--import',
  'data:text/javascript,process.on("SIGUSR2",()=>{gc();gc()})',
];
/** The good client's 99th percentile, against its own with nobody beside it. */
const slowdownMax = 20;
const slowestP99Ms = 250;
const recoveryMs = 20_000;

const settings = {
  CONNECTION_BYTES_MAX: connectionBytesMax,
  HANDSHAKE_TIMEOUT_MS: 3_000,
  REQUEST_TIMEOUT_MS: 8_000,
  IDLE_TIMEOUT_MS: 30_000,
  CONNECTIONS_PER_ADDRESS_MAX: 20_000,
};

const topics: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ['plain', {}],
  ['gzipped', { 'compression.type': 'gzip' }],
  ['packed', { 'compression.type': 'lz4' }],
  ['compacted', { 'cleanup.policy': 'compact' }],
  ['timed', { 'message.timestamp.before.max.ms': '3600000' }],
  ['empty', {}],
];

interface Options {
  readonly isSampled: boolean;
  readonly seed: number;
  readonly wanted: readonly string[];
}

/** The broker under attack, and what it was like before. */
class Victim {
  readonly #broker: BrokerProcess;
  readonly #good: GoodClient;
  readonly #quiet: Quiet;
  readonly #residentBytes: number;
  readonly #openFiles: number;

  private constructor(broker: BrokerProcess, good: GoodClient, quiet: Quiet) {
    this.#broker = broker;
    this.#good = good;
    this.#quiet = quiet;
    this.#residentBytes = broker.residentBytes;
    this.#openFiles = this.#countFiles();
    console.log(`quiet   ${describe(quiet)}, ${mebibytes(this.#residentBytes)}`);
  }

  static async start(folder: string): Promise<Victim> {
    const broker = await BrokerProcess.start({ dataDir: folder, settings, nodeFlags: heapFlags });
    await createTopics(broker.port);
    await fillTopic(broker.port);
    const good = await GoodClient.connect(broker.port, 'kept');
    good.start();
    await rest(1_000);
    good.take();
    await rest(3_000);
    return new Victim(broker, good, good.take());
  }

  /** What the good client had, and what memory was taken, while `name` was under way. */
  async suffer(name: string, options: Options): Promise<string> {
    this.#good.take();
    this.#good.errors.length = 0;
    let peak = 0;
    const meter = setInterval(() => {
      if (!this.#broker.hasEnded) peak = Math.max(peak, this.#broker.residentBytes);
    }, 50);
    try {
      const said = await runAttack(name, this.#broker.port, options);
      const quiet = this.#good.take();
      const text = `${said}\ngood client ${describe(quiet)}, at most ${mebibytes(peak)}`;
      this.#assertUnharmed(quiet, peak, text);
      return `${text}, ${await this.#recovered(text)}`;
    } finally {
      clearInterval(meter);
    }
  }

  #assertUnharmed(quiet: Quiet, peak: number, text: string): void {
    if (this.#broker.hasEnded) throw new Error(`the broker has ended: ${this.#broker.output}`);
    const { errors } = this.#good;
    if (errors.length > 0) throw new Error(`${errors.length} errors, ${errors[0]}: ${text}`);
    const p99Max = Math.max(slowestP99Ms, this.#quiet.p99 * slowdownMax);
    if (quiet.p99 > p99Max) throw new Error(`over ${p99Max.toFixed(0)} ms at p99: ${text}`);
    const most = this.#residentBytes + residentExtraMax;
    if (peak > most) throw new Error(`over ${mebibytes(most)}: ${text}`);
  }

  /** Sockets are gone, and most of the memory. */
  async #recovered(text: string): Promise<string> {
    const startedAt = performance.now();
    const most = this.#residentBytes + residentKeptMax;
    for (;;) {
      this.#broker.kill('SIGUSR2');
      await rest(500);
      const files = this.#countFiles();
      const bytes = this.#broker.residentBytes;
      // Segments come and go.
      if (files <= this.#openFiles + 20 && bytes <= most) return `then ${mebibytes(bytes)}`;
      if (performance.now() - startedAt > recoveryMs) {
        const were = `${this.#openFiles} before`;
        throw new Error(`then ${files} open files (${were}), ${mebibytes(bytes)}: ${text}`);
      }
    }
  }

  #countFiles(): number {
    return fs.readdirSync(`/proc/${this.#broker.pid}/fd`).length;
  }

  async stop(): Promise<string> {
    await this.#good.stop();
    const { code, signal } = await this.#broker.stop();
    if (code !== 0) throw new Error(`ended with ${code ?? signal}: ${this.#broker.output}`);
    const errors = this.#broker.output.split('\n').filter((line) => /"level":(50|60)/.test(line));
    if (errors.length > 0) throw new Error(`it has logged errors: ${errors.join('\n')}`);
    return '';
  }
}

function describe({ p50, p99, max, rounds }: Quiet): string {
  const [half, most, all] = [p50, p99, max].map((ms) => ms.toFixed(1));
  return `p50 ${half} ms, p99 ${most} ms, max ${all} ms of ${rounds} rounds`;
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}

async function createTopics(port: number): Promise<void> {
  const body = new Body().int32(topics.length + 1);
  for (const [name, config] of [...topics, ['kept', {}] as const]) {
    body.string(name).int32(1).int16(1).int32(0).int32(Object.keys(config).length);
    for (const [option, value] of Object.entries(config)) body.string(option).string(value);
  }
  await ask(port, keys.createTopics, 2, body.int32(10_000).int8(0).done());
}

/** Something that is large to fetch. */
async function fillTopic(port: number): Promise<void> {
  const batch = batchOf({ values: ['x'.repeat(900_000)] });
  for (let i = 0; i < 30; i++) {
    await ask(port, keys.produce, 7, produceBody(7, { topic: 'plain', batch }));
  }
}

async function ask(port: number, key: number, version: number, body: Buffer): Promise<Buffer> {
  const peer = await Peer.connect(port);
  const answer = (await peer?.ask(key, version, body)) ?? null;
  peer?.close();
  if (answer === null) throw new Error('the broker does not answer');
  return answer;
}

/** In a process of its own. */
function runAttack(name: string, port: number, { isSampled, seed }: Options): Promise<string> {
  const args = [
    self,
    attackWord,
    name,
    String(port),
    isSampled ? 'sampled' : 'whole',
    String(seed),
  ];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--enable-source-maps', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    let complaint = '';
    child.stdout.on('data', (bytes: Buffer) => {
      said += bytes.toString();
    });
    child.stderr.on('data', (bytes: Buffer) => {
      complaint += bytes.toString();
    });
    child.once('close', (code) => {
      if (code === 0) resolve(said.trim());
      else reject(new Error(complaint.trim().slice(0, 4_000)));
    });
  });
}

async function beAttacker([name = '', port, size, seed]: readonly string[]): Promise<void> {
  const isSampled = size === 'sampled';
  const said = await attacks[name]?.({
    port: Number(port),
    seconds: isSampled ? 4 : 20,
    scale: isSampled ? 0.2 : 1,
    dice: new SeededRandom(Number(seed)),
    topics: topics.map(([topic]) => topic),
  });
  console.log(said ?? 'no such attack');
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { sampled: { type: 'boolean' }, seed: { type: 'string' } },
  });
  const seed = Number(values.seed ?? Date.now() % 2 ** 31);
  const options = { isSampled: values.sampled === true, seed, wanted: positionals };
  const report: Report = { passed: 0, failed: 0 };
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'polylog-hostile-'));
  console.log(`seed ${seed}`);
  try {
    const victim = await Victim.start(folder);
    for (const name of Object.keys(attacks)) {
      if (positionals.length > 0 && !positionals.includes(name)) continue;
      await check(report, name, () => victim.suffer(name, options));
    }
    await check(report, 'the broker ends cleanly and has had no error', () => victim.stop());
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
  console.log(`${report.passed} passed, ${report.failed} failed`);
  return report.failed === 0 && report.passed > 0 ? 0 : 1;
}

const [first, ...others] = process.argv.slice(2);
if (first === attackWord) await beAttacker(others).then(() => process.exit(0));
else process.exitCode = await main();
