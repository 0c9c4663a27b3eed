/**
 * Accepted losses: what an operator has agreed to do without, so that the rest can be used again.
 *
 * Owns: `losses.json`, its check, and the look-ups that replay and readers need.
 * Leaves: finding damage to `repair.ts`, deciding to whoever runs it.
 *
 * JSON for people to look at, not to edit. The damaged bytes stay where they are; what is written
 * here says how to get past them.
 *
 *   format     1
 *   storeId    32 hex digits
 *   blocks     damaged places of the journal: replay goes on at `resumeLsn`, where a block names
 *              `previousCrc`; `entries` are the positions in the file of those that are lost of the
 *              damaged block, null: all in `lostBytes` bytes, whatever they were
 *   batches    of a sealed segment, by position; `footer` is the checksum of the directory that names
 *              them, for an archive's id may come again
 *   ends       [partition, offset]: offsets below may have been given, and are never given again
 *   checksum   CRC-32C, 8 hex digits, of the compact JSON of the other fields in this order
 *
 * Written whole under a temporary name, synced, renamed. Without the file nothing is accepted.
 */
import { assert } from '../kernel/assert.ts';
import { decodeUtf8Strict, encodeHex, encodeUtf8 } from '../kernel/bytes.ts';
import { crc32c } from '../kernel/crc32c.ts';
import { BrokerError } from '../kernel/errors.ts';
import type { Disk } from '../kernel/ports.ts';
import { storageDamaged } from './storage-fault.ts';

export const LOSSES_FILE = 'losses.json';
const FORMAT = 1;

/** A damaged place of the journal. */
export interface BlockLoss {
  readonly segment: number;
  readonly position: number;
  readonly resumeLsn: number;
  /** The chain goes on with a block that names this as the crc before it. */
  readonly previousCrc: number;
  /** Null: nothing can be told apart. Else these are batches, and all other entries are applied. */
  readonly entries: readonly number[] | null;
  /** In which entries of any kind may have been. */
  readonly lostBytes: number;
}

/** Batches of a sealed segment that do not match their checksum. */
export interface BatchLoss {
  readonly segment: number;
  readonly footer: number;
  readonly positions: readonly number[];
}

export interface LossList {
  readonly blocks: readonly BlockLoss[];
  readonly batches: readonly BatchLoss[];
  readonly ends: readonly (readonly [partition: number, offset: number])[];
}

export const NO_LOSSES: LossList = { blocks: [], batches: [], ends: [] };

/** What was accepted, for look-ups. Finding damage adds to it. */
export class Losses {
  readonly #blocks = new Map<string, BlockLoss>();
  readonly #batches = new Map<string, BatchLoss>();
  readonly #positions = new Map<string, ReadonlySet<number>>();
  readonly ends = new Map<number, number>();

  constructor(list: LossList) {
    for (const block of list.blocks) this.addBlock(block);
    for (const batch of list.batches) this.addBatches(batch);
    for (const [partition, offset] of list.ends) this.raiseEnd(partition, offset);
  }

  get isEmpty(): boolean {
    return this.#blocks.size === 0 && this.#batches.size === 0;
  }

  addBlock(loss: BlockLoss): void {
    assert(loss.resumeLsn > 0, 'a loss says where to go on');
    this.#blocks.set(`${loss.segment}:${loss.position}`, loss);
  }

  addBatches(loss: BatchLoss): void {
    const key = `${loss.segment}:${loss.footer}`;
    this.#batches.set(key, loss);
    this.#positions.set(key, new Set(loss.positions));
  }

  raiseEnd(partition: number, offset: number): void {
    this.ends.set(partition, Math.max(this.ends.get(partition) ?? 0, offset));
  }

  block(segment: number, position: number): BlockLoss | undefined {
    return this.#blocks.get(`${segment}:${position}`);
  }

  /** Positions of the lost batches of a segment with that footer; null: none is lost. */
  batches(segment: number, footer: number): ReadonlySet<number> | null {
    return this.#positions.get(`${segment}:${footer}`) ?? null;
  }

  list(): LossList {
    return {
      blocks: [...this.#blocks.values()],
      batches: [...this.#batches.values()],
      ends: [...this.ends],
    };
  }
}

/**
 * What was accepted in this data folder.
 * @throws BrokerError storage_damaged, data_folder_newer; DiskError
 */
export function readLosses(disk: Disk, storeId: Uint8Array): LossList {
  if (!disk.exists(LOSSES_FILE)) return NO_LOSSES;
  const file = disk.open(LOSSES_FILE, { create: false });
  try {
    const bytes = new Uint8Array(file.size());
    const count = file.readSync(bytes, 0, bytes.length, 0);
    return decode(decodeUtf8Strict(bytes, 0, count), storeId);
  } finally {
    file.close();
  }
}

export function encodeLosses(list: LossList, storeId: Uint8Array): Uint8Array {
  const { blocks, batches, ends } = list;
  const fields = { format: FORMAT, storeId: encodeHex(storeId), blocks, batches, ends };
  return encodeUtf8(`${JSON.stringify({ ...fields, checksum: checksumOf(fields) }, null, 1)}\n`);
}

function checksumOf(fields: object): string {
  const bytes = encodeUtf8(JSON.stringify(fields));
  return crc32c(bytes, 0, bytes.length).toString(16).padStart(8, '0');
}

function decode(text: string | null, storeId: Uint8Array): LossList {
  const value = parse(text ?? '');
  if (typeof value.format === 'number' && value.format > FORMAT) {
    throw new BrokerError('data_folder_newer', `${LOSSES_FILE} has format ${value.format}`);
  }
  const { checksum, ...fields } = value;
  // The checksum vouches for the shape: only we write it.
  if (checksum !== checksumOf(fields)) throw damaged('its checksum is wrong');
  if (fields.storeId !== encodeHex(storeId)) throw damaged('it belongs to another data folder');
  return fields as unknown as LossList;
}

interface Fields {
  readonly format?: unknown;
  readonly storeId?: unknown;
  readonly checksum?: unknown;
}

function parse(text: string): Fields {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw damaged('it is no JSON object');
}

function damaged(what: string): BrokerError {
  return storageDamaged(LOSSES_FILE, 0, what);
}
