/**
 * Damage: bytes that are not what was written. A torn tail is dropped and nothing else; damage in what
 * had been synced is refused by name, or not served.
 *
 * Owns: making one data folder, damaging copies of it in many ways, what must come of each.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { SeededRandom } from '../../simulation/random.ts';
import { BrokerProcess, type StartOptions } from './broker-process.ts';
import { type Claim, describe } from './claims.ts';
import { type BlockPlace, type JournalMap, mapJournal, segmentName } from './journal-map.ts';
import { sleep, smallSettings } from './kills.ts';
import { mend, runRepair } from './mend.ts';
import { readAround } from './read-around.ts';
import { check, type Report } from './report.ts';
import { Session } from './session.ts';
import { slowSyncs, traceUnavailable } from './trace.ts';

const MIB = 1024 * 1024;
const PAGE_BYTES = 4096;
/** As `polylog start` documents it: it failed. */
const FAILED_CODE = 1;

export interface DamagePlan {
  readonly tails: number;
  readonly flips: number;
  readonly folder: string;
}

export async function damage(
  report: Report,
  plan: DamagePlan,
  random: SeededRandom,
): Promise<void> {
  const original = path.join(plan.folder, 'original');
  const session = new Session({ dataDir: original, settings: smallSettings }, random);
  await check(report, 'damage: a data folder of several runs', () => fill(session));
  const copies = new Copies(session, original, path.join(plan.folder, 'copy'), random);
  for (let round = 1; round <= plan.tails; round++) {
    await check(report, `damage: torn tail ${round} of ${plan.tails}`, () => copies.tornTail());
  }
  for (let round = 1; round <= plan.flips; round++) {
    const name = `damage: flipped bit ${round} of ${plan.flips} in the synced journal`;
    await check(report, name, () => copies.flippedBlock(round));
  }
  await check(report, 'damage: blocks that are wiped out', () => copies.wipedBlocks());
  await check(report, 'damage: flipped bits in sealed segments', () => copies.flippedArchive());
  await check(report, 'damage: the newest checkpoint', () => copies.flippedCheckpoint(1));
  await check(report, 'damage: both checkpoints', () => copies.flippedCheckpoint(2));
  for (const place of ['somewhere', 'its middle', 'its end'] as const) {
    await check(report, `damage: the manifest, ${place}`, () => copies.flippedManifest(place));
  }
  await check(report, 'damage: node.json', () => copies.flippedNodeFile());
}

/** Two clean ends, and a kill under load while a sync takes its time and a group grows behind it. */
async function fill(session: Session): Promise<string> {
  for (const ending of ['SIGTERM', 'SIGTERM', 'SIGKILL'] as const) {
    const isLast = ending === 'SIGKILL';
    const broker = await session.start(isLast ? lastRun() : {});
    if (session.claims.topics.size === 0) await session.setUp(broker);
    await session.verify(broker);
    const load = await session.load(broker, {
      bytesMax: Number.POSITIVE_INFINITY,
      bytesPerSecond: isLast ? 48 * MIB : 16 * MIB,
      churn: false,
    });
    load.start();
    await sleep(isLast ? 600 : 1000);
    broker.kill(ending);
    await broker.ended;
    await load.ended();
  }
  session.claims.assertKept();
  return `${session.claims.ackedRecords} records acked`;
}

/** Without a checkpoint, so that the journal of the run before is read again with its clean end. */
function lastRun(): Partial<StartOptions> {
  return {
    settings: { ...smallSettings, CHECKPOINT_BYTES: 256 * MIB },
    under: traceUnavailable() === null ? slowSyncs(60) : [],
  };
}

class Copies {
  readonly #session: Session;
  readonly #original: string;
  readonly #folder: string;
  readonly #random: SeededRandom;
  readonly #map: JournalMap;

  constructor(session: Session, original: string, folder: string, random: SeededRandom) {
    this.#session = session;
    this.#original = original;
    this.#folder = folder;
    this.#random = random;
    this.#map = mapJournal(original);
  }

  /** A copy of the folder, damaged by `harm`, and what the broker makes of it. */
  async #try(harm: () => void, judge: () => Promise<string>): Promise<string> {
    const { claims } = this.#session;
    fs.rmSync(this.#folder, { recursive: true, force: true });
    fs.cpSync(this.#original, this.#folder, {
      recursive: true,
      filter: (name) => !name.endsWith('.sock'),
    });
    const restore = claims.snapshot();
    this.#session.change({ dataDir: this.#folder });
    try {
      harm();
      return await judge();
    } finally {
      claims.violations.length = 0;
      restore();
    }
  }

  #write(name: string, position: number, bytes: Uint8Array): void {
    const fd = fs.openSync(path.join(this.#folder, name), 'r+');
    fs.writeSync(fd, bytes, 0, bytes.length, position);
    fs.closeSync(fd);
  }

  #flip(name: string, position: number): void {
    const fd = fs.openSync(path.join(this.#folder, name), 'r+');
    const byte = Buffer.alloc(1);
    fs.readSync(fd, byte, 0, 1, position);
    byte[0] = (byte[0] ?? 0) ^ (1 << this.#random.below(8));
    fs.writeSync(fd, byte, 0, 1, position);
    fs.closeSync(fd);
  }

  /** Sectors past the durable end are zeroed, filled with other bytes, or have a bit flipped. */
  async tornTail(): Promise<string> {
    const { blocks, durableLsn } = this.#map;
    const tail = blocks.filter(({ lsn }) => lsn >= durableLsn);
    const hit = tail[this.#random.below(tail.length)];
    if (hit === undefined) throw new Error('a kill under load leaves blocks without a later one');
    const dropped = blocks.filter(({ lsn }) => lsn >= hit.lsn);
    const how = this.#random.pick(['zeros', 'noise', 'a bit'] as const);
    const harm = (): void => {
      const position = hit.position + this.#random.below(hit.length);
      if (how === 'a bit') return this.#flip(hit.path, position);
      const sector = Buffer.alloc(512);
      if (how === 'noise') this.#random.fill(sector);
      this.#write(hit.path, position - (position % 512), sector);
    };
    return this.#try(harm, async () => {
      const lost = this.#forget(dropped);
      const broker = await this.#session.start();
      try {
        await this.#session.verify(broker);
      } finally {
        await broker.crash();
      }
      const still = lost.filter((claim) => claim.fate !== 'gone');
      if (still.length > 0) throw new Error(`still there: ${still.map(describe).join(', ')}`);
      return `${how} in block ${tail.indexOf(hit) + 1} of ${tail.length} past the durable end`;
    });
  }

  /** What was in `blocks` cannot be expected any more. */
  #forget(blocks: readonly BlockPlace[]): Claim[] {
    const { claims } = this.#session;
    const lost = this.#claimsOf(blocks);
    for (const claim of lost) {
      claim.fate = 'unknown';
      claim.offset = -1;
      claim.seenAt = -1;
    }
    for (const topic of claims.topics.values()) {
      topic.ends.fill(0);
      topic.logStarts.fill(0);
    }
    return lost;
  }

  async flippedBlock(round: number): Promise<string> {
    const { blocks, durableLsn } = this.#map;
    // The block behind a clean end is worth a look of its own: nothing before it speaks of it.
    const afterClean = blocks.filter((_, i) => blocks[i - 1]?.isClean === true);
    const synced = round === 1 ? afterClean : blocks;
    const below = synced.filter(({ lsn, length }) => lsn + length <= durableLsn);
    const hit = below[this.#random.below(below.length)];
    if (hit === undefined) throw new Error('some of the journal is known to be synced');
    const position = hit.position + this.#random.below(hit.length);
    const expendable = new Set(this.#claimsOf([hit]));
    return this.#try(
      () => this.#flip(hit.path, position),
      async () => {
        const said = await this.#refused(hit.path, hit.position);
        return `${said}; ${await mend(this.#session, this.#folder, expendable)}`;
      },
    );
  }

  /** Pages of the synced journal that are gone altogether, several at once. */
  async wipedBlocks(): Promise<string> {
    const { blocks, durableLsn } = this.#map;
    const below = blocks.filter(({ lsn, length }) => lsn + length <= durableLsn);
    const hit = below.filter(() => this.#random.below(20) === 0).slice(0, 5);
    const first = hit[0] ?? below[0];
    if (first === undefined) throw new Error('some of the journal is known to be synced');
    const places = hit.length > 0 ? hit : [first];
    const harm = (): void => {
      for (const { path: name, position, length } of places) {
        this.#write(name, position, Buffer.alloc(length, this.#random.pick([0, 0x5a])));
      }
    };
    const expendable = new Set(this.#claimsOf(places));
    return this.#try(harm, async () => {
      // Where one segment ends and the next begins, a wiped block can be either's.
      await this.#refused('segments/');
      return mend(this.#session, this.#folder, expendable);
    });
  }

  #claimsOf(blocks: readonly BlockPlace[]): Claim[] {
    return blocks.flatMap(({ batches }) =>
      batches.map(({ stream, first }) => {
        const claim = this.#session.claims.streamById(stream)?.find(first);
        if (claim === undefined) throw new Error('the journal holds what was sent');
        return claim;
      }),
    );
  }

  /** The start is refused, naming the file and, if given, the position. */
  async #refused(name: string, position?: number): Promise<string> {
    const broker = new BrokerProcess(this.#session.options);
    const outcome = await broker.ready().then(
      () => 'it starts',
      () => null,
    );
    const { code } = await broker.crash();
    const said = /polylog: .*/.exec(broker.output)?.[0] ?? broker.output;
    if (outcome !== null) throw new Error(`${outcome}, with ${name} damaged at ${position}`);
    if (code !== FAILED_CODE) throw new Error(`ended with ${code}: ${broker.output}`);
    const place = position === undefined ? name : `${name} at byte ${position}`;
    if (!said.includes(place)) throw new Error(`does not name ${place}: ${said}`);
    return said;
  }

  /** A bit in every page of a segment that the replay does not read. */
  async flippedArchive(): Promise<string> {
    const { firstId, segmentBytes } = this.#map;
    const older = Array.from({ length: firstId - 1 }, (_, i) => segmentName(i + 1)).filter((name) =>
      fs.existsSync(path.join(this.#original, name)),
    );
    const hit = older.slice(0, 3);
    if (hit.length === 0) throw new Error('there are sealed segments');
    const harm = (): void => {
      for (const name of hit) {
        for (let at = PAGE_BYTES; at < segmentBytes / 2; at += PAGE_BYTES) {
          this.#flip(name, at + this.#random.below(PAGE_BYTES));
        }
      }
    };
    return this.#try(harm, async () => {
      let report = '';
      const broker = await this.#session.start();
      try {
        const { batches, refusals } = await readAround(this.#session.claims, broker);
        this.#session.claims.assertKept();
        report = `${hit.length} segments: ${batches} batches read whole, ${refusals} reads refused`;
      } finally {
        await broker.crash();
      }
      return `${report}; ${await mend(this.#session, this.#folder, null)}`;
    });
  }

  async flippedCheckpoint(count: 1 | 2): Promise<string> {
    const names = fs.readdirSync(path.join(this.#original, 'checkpoints'));
    const published = names.filter((name) => name.endsWith('.ckp')).sort();
    // A kill may have left a third one, which is good to start from.
    const hit = published.slice(count === 1 ? -1 : 0);
    if (hit.length < count) throw new Error(`there are ${count} checkpoints`);
    const harm = (): void => {
      for (const name of hit) {
        const file = path.join('checkpoints', name);
        const { size } = fs.statSync(path.join(this.#original, file));
        this.#flip(file, this.#random.below(size));
      }
    };
    if (count === 1) return this.#try(harm, () => this.#whole());
    return this.#try(harm, async () => {
      const said = await this.#refused('checkpoints/');
      const { code, said: repairSaid } = runRepair(this.#folder, '--accept-loss');
      const isHopeless = code === FAILED_CODE && repairSaid.includes('This cannot be repaired');
      if (!isHopeless) throw new Error(`repair ended with ${code}: ${repairSaid}`);
      return said;
    });
  }

  /** The broker starts, and everything is there. */
  async #whole(): Promise<string> {
    const broker = await this.#session.start();
    try {
      const { records } = await this.#session.verify(broker);
      return `all ${records} records are there`;
    } finally {
      await broker.crash();
    }
  }

  async flippedManifest(place: 'somewhere' | 'its middle' | 'its end'): Promise<string> {
    const name = fs.readdirSync(this.#original).find((each) => /^manifest-\d+$/.test(each));
    if (name === undefined) throw new Error('there is a manifest');
    const { size } = fs.statSync(path.join(this.#original, name));
    const from = { somewhere: 0, 'its middle': Math.floor(size / 2), 'its end': size - 64 }[place];
    const end = place === 'its middle' ? from + 64 : size;
    const position = this.#random.between(from, end - 1);
    return this.#try(
      () => this.#flip(name, position),
      // What is in its last record may be known from elsewhere too, or be missed there: a segment
      // whose removal the record told of is gone, the start says which, and what it held is given up,
      // for nothing tells any more of the segment that has it now.
      () =>
        this.#refused(name).then(
          async (said) => `${said}; ${await mend(this.#session, this.#folder, new Set())}`,
          () =>
            this.#refused('segments/').then(
              async (said) => `${said}; ${await mend(this.#session, this.#folder, null)}`,
              () => this.#whole(),
            ),
        ),
    );
  }

  async flippedNodeFile(): Promise<string> {
    const { size } = fs.statSync(path.join(this.#original, 'node.json'));
    const position = this.#random.below(size);
    return this.#try(
      () => this.#flip('node.json', position),
      () => this.#refused('node.json'),
    );
  }
}
