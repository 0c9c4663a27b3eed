/**
 * A full disk under load: publishers are told so and may try again, consumers go on, nothing that was
 * acked is lost, a restart is possible, and publishing resumes by itself when there is room.
 *
 * Owns: filling the disk, by the load itself and by somebody else's file, and freeing it again.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { SeededRandom } from '../../simulation/random.ts';
import type { BrokerProcess } from './broker-process.ts';
import { Connection } from './connection.ts';
import { sleep } from './kills.ts';
import { check, type Report } from './report.ts';
import { type Load, Session } from './session.ts';
import { deleteTopics, errors, fetch } from './wire.ts';

const MIB = 1024 * 1024;
const WAIT_MS = 20_000;
const settings = { SEGMENT_BYTES: MIB, CHECKPOINT_BYTES: 2 * MIB, RETENTION_CHECK_MS: 200 };

export interface Volume {
  readonly name: string;
  /** A file system of little room. */
  readonly folder: string;
}

export async function fullDisk(
  report: Report,
  { name, folder }: Volume,
  random: SeededRandom,
): Promise<void> {
  const scenario = new FullDisk(folder, random);
  const steps: readonly [string, () => Promise<string>][] = [
    ['publishers are told', () => scenario.fill()],
    ['consumers go on', () => scenario.consume()],
    ['a kill and a restart while it is full', () => scenario.restartFull()],
    ['publishing resumes when space is freed', () => scenario.freeBallast()],
    ['deleting a topic makes room', () => scenario.deleteTopic()],
    ['everything acked is there after it', () => scenario.finish()],
  ];
  try {
    for (const [step, action] of steps) {
      if (!(await check(report, `full disk (${name}): ${step}`, action))) return;
    }
  } finally {
    await scenario.close();
  }
}

class FullDisk {
  readonly #folder: string;
  readonly #session: Session;
  readonly #ballast: string;
  #broker: BrokerProcess | null = null;
  #load: Load | null = null;

  constructor(folder: string, random: SeededRandom) {
    this.#folder = folder;
    this.#ballast = path.join(folder, 'ballast');
    this.#session = new Session({ dataDir: path.join(folder, 'data'), settings }, random);
  }

  get #running(): BrokerProcess {
    if (this.#broker === null) throw new Error('the broker runs');
    return this.#broker;
  }

  async close(): Promise<void> {
    await this.#broker?.crash();
  }

  /** Starts the load, and waits until it is refused. */
  async fill(): Promise<string> {
    const session = this.#session;
    this.#broker = await session.start();
    await session.setUp(this.#broker);
    this.#fillWithBallast();
    await this.#beginLoad();
    const load = await this.#waitFor('a refusal', ({ tally }) => tally.refused > 20);
    const { acked } = load.tally;
    const codes = this.#assertToldClearly(load);
    return `${acked} acked, then error ${codes}`;
  }

  /** Somebody else takes what the disk has, but for some MB. */
  #fillWithBallast(leave = 12 * MIB): void {
    const { bavail, bsize } = fs.statfsSync(this.#folder);
    const bytes = Math.max(0, bavail * bsize - leave);
    const fd = fs.openSync(this.#ballast, 'a');
    const part = Buffer.alloc(MIB, 1);
    for (let left = bytes; left > 0; left -= part.length) {
      fs.writeSync(fd, part, 0, Math.min(part.length, left));
    }
    fs.fsyncSync(fd);
    fs.closeSync(fd);
  }

  async #beginLoad(): Promise<void> {
    const wish = { bytesMax: Number.POSITIVE_INFINITY, bytesPerSecond: 24 * MIB, churn: false };
    this.#load = await this.#session.load(this.#running, wish);
    this.#load.start();
  }

  async #waitFor(what: string, isThere: (load: Load) => boolean): Promise<Load> {
    const load = this.#load;
    if (load === null) throw new Error('there is a load');
    const started = performance.now();
    while (!isThere(load)) {
      if (this.#running.hasEnded) throw new Error(`the broker has ended: ${this.#running.output}`);
      if (performance.now() - started > WAIT_MS)
        throw new Error(`no ${what} in ${WAIT_MS} ms: ${this.#running.output}`);
      await sleep(20);
    }
    return load;
  }

  /** Only errors after which a client tries again. */
  #assertToldClearly(load: Load): string {
    const codes = [...load.tally.errors].filter((code) => code !== errors.outOfOrderSequence);
    if (codes.some((code) => code !== errors.storage)) throw new Error(`told errors ${codes}`);
    this.#session.claims.assertKept();
    return String(codes);
  }

  /** Reads from the beginning and at the tail while nothing can be published. */
  async consume(): Promise<string> {
    const connection = await Connection.connect(this.#running.port);
    let bytes = 0;
    for (const topic of this.#session.claims.topics.values()) {
      const start = topic.logStarts[0] ?? 0;
      const wish = { topic: topic.name, partition: 0, offset: start, maxBytes: MIB };
      const fetched = await connection.call(fetch.request(wish, 1000), fetch.answer);
      const hasMoved = fetched.error === errors.offsetOutOfRange;
      if (fetched.error !== errors.none && !hasMoved) throw new Error(`error ${fetched.error}`);
      bytes += fetched.records.length;
    }
    await connection.close();
    if (bytes === 0) throw new Error('nothing could be read');
    const seen = this.#load?.consumers.map((consumer) => consumer.seen).join(', ');
    return `${bytes} bytes read; consumers at the tail saw ${seen} batches`;
  }

  async restartFull(): Promise<string> {
    const session = this.#session;
    await this.#running.crash();
    await this.#load?.ended();
    session.claims.assertKept();
    this.#broker = await session.start();
    const { records, kept, gone } = await session.verify(this.#broker);
    await this.#beginLoad();
    const load = await this.#waitFor('a refusal', ({ tally }) => tally.refused > 20);
    this.#assertToldClearly(load);
    return `${records} records there, ${kept} unanswered batches kept, ${gone} gone; still refused`;
  }

  async freeBallast(): Promise<string> {
    fs.rmSync(this.#ballast);
    const started = performance.now();
    const before = this.#load?.tally.acked ?? 0;
    const load = await this.#waitFor('ack', ({ tally }) => tally.acked > before + 20);
    const resumed = performance.now() - started;
    this.#assertToldClearly(load);
    return `after ${resumed.toFixed(0)} ms`;
  }

  /** The disk fills again; then the broker itself is told what it may forget. */
  async deleteTopic(): Promise<string> {
    this.#fillWithBallast();
    const refusedBefore = this.#load?.tally.refused ?? 0;
    await this.#waitFor('a refusal', ({ tally }) => tally.refused > refusedBefore + 50);
    const connection = await Connection.connect(this.#running.port);
    const names = ['orders', 'recent', 'short'];
    for (const name of names) {
      const topic = this.#session.claims.topics.get(name);
      if (topic !== undefined) topic.presence = 'absent';
    }
    const [error] = await connection.call(deleteTopics.request(names), deleteTopics.answer);
    if (error !== errors.none) throw new Error(`deleting: error ${error}`);
    await connection.close();
    const started = performance.now();
    const before = this.#load?.tally.acked ?? 0;
    await this.#waitFor('ack', ({ tally }) => tally.acked > before + 20);
    return `acked again after ${(performance.now() - started).toFixed(0)} ms`;
  }

  async finish(): Promise<string> {
    const session = this.#session;
    await this.#running.crash();
    await this.#load?.ended();
    fs.rmSync(this.#ballast);
    this.#broker = await session.start();
    const { records } = await session.verify(this.#broker);
    const ending = await this.#running.stop();
    if (ending.code !== 0) throw new Error(`ended with ${ending.code}: ${this.#running.output}`);
    return `${records} records`;
  }
}
