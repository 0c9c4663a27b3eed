/**
 * What tests of repair share: a journal with a little of everything, damage, and the way back.
 */
import { strict as assert } from 'node:assert';
import type { BrokerError } from '../kernel/errors.ts';
import { type Disk, DiskError, type Ports } from '../kernel/ports.ts';
import { silentLogger } from '../kernel/silent-logger.ts';
import { BlockScanner } from './block-scan.ts';
import { DraftDisk } from './draft-disk.ts';
import { copyDisk, storeId, TallyMachine, TestJournal, TestLoop } from './journal.fixture.ts';
import { SEGMENT_HEADER_BYTES } from './limits.ts';
import { type RepairSurvey, surveyDamage } from './repair.ts';
import { segmentPath } from './segment.ts';

export const SEGMENT_BYTES = 1024 * 1024;

/** A data folder at rest. */
export class Folder {
  readonly loop = new TestLoop();
  readonly disk: Disk;
  #changesLeft = Number.POSITIVE_INFINITY;

  constructor(journal: TestJournal) {
    this.disk = copyDisk(journal.disk, this.loop);
  }

  flip(path: string, position: number, bit = 0): void {
    const file = this.disk.open(path, { create: false });
    const byte = new Uint8Array(1);
    file.readSync(byte, 0, 1, position);
    byte[0] = (byte[0] ?? 0) ^ (1 << bit);
    file.writeSync([byte], position);
    file.close();
  }

  fill(path: string, position: number, length: number, value = 0xa5): void {
    const file = this.disk.open(path, { create: false });
    file.writeSync([new Uint8Array(length).fill(value)], position);
    file.close();
  }

  /** File positions and lengths of the blocks of `segment`, in order. */
  blocks(segment: number): { position: number; length: number }[] {
    const scanner = new BlockScanner();
    const file = this.disk.open(segmentPath(segment), { create: false });
    const found: { position: number; length: number }[] = [];
    let at = SEGMENT_HEADER_BYTES;
    while (scanner.readBlock({ id: segment, bytes: SEGMENT_BYTES, file }, at)) {
      found.push({ position: at, length: scanner.block.length });
      at += Math.ceil(scanner.block.length / 4096) * 4096;
    }
    file.close();
    return found;
  }

  open(): TestJournal {
    return new TestJournal({}, this.disk, this.loop).open();
  }

  /** Looks for damage; `accept` makes the changes too. */
  survey(accept: boolean): RepairSurvey {
    const { error, survey } = this.trySurvey(accept);
    if (error !== null) throw error;
    assert.ok(survey !== null, 'the survey ends');
    return survey;
  }

  /** Changes fail from the one after so many on. */
  breakAfter(changes: number): void {
    this.#changesLeft = changes;
  }

  #apply(draft: DraftDisk): void {
    let outcome: DiskError | null | undefined;
    draft.apply(this.#brittleDisk(), (fault) => {
      outcome = fault;
    });
    this.loop.run();
    assert.notEqual(outcome, undefined, 'making the changes ends');
    if (this.#changesLeft === Number.POSITIVE_INFINITY) assert.equal(outcome, null);
  }

  /** Every change begins with opening, removing or renaming something. */
  #brittleDisk(): Disk {
    return new Proxy(this.disk, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        return (...values: unknown[]) => {
          const isChange = name === 'open' || name === 'remove' || name === 'rename';
          if (isChange && this.#changesLeft-- <= 0) throw new DiskError('io', 'a file', 'broken');
          return value.apply(target, values);
        };
      },
    });
  }

  trySurvey(accept: boolean): { error: BrokerError | null; survey: RepairSurvey | null } {
    const draft = new DraftDisk(this.disk, this.loop);
    const ports: Ports = {
      clock: this.loop,
      scheduler: this.loop,
      random: { uint32: () => 4, fill: () => {} },
      offload: { run: () => assert.fail('the log offloads nothing') },
      disk: draft,
      logger: silentLogger,
    };
    const options = { durability: 'fsync', segmentBytes: SEGMENT_BYTES, storeId } as const;
    let outcome: { error: BrokerError | null; survey: RepairSurvey | null } | null = null;
    surveyDamage({ ports, draft, options, machine: new TallyMachine() }, (error, survey) => {
      outcome = { error, survey };
    });
    this.loop.run();
    assert.ok(outcome !== null, 'the survey ends');
    const { error, survey } = outcome as { error: BrokerError | null; survey: RepairSurvey | null };
    if (accept && survey !== null) this.#apply(draft);
    return { error, survey };
  }
}
