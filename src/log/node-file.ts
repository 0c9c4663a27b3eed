/**
 * `node.json`: what a data folder is, fixed when it is made.
 *
 * Owns: the file's text, its check and the order in which it comes to be.
 * Leaves: making up the ids to whoever makes the folder.
 *
 * JSON for people to look at, not to edit: `checksum` is the CRC-32C, as 8 hex digits, of the compact
 * JSON of the other fields in the order below. A newer format is told apart before anything else is read.
 *
 *   format        1
 *   storeId       32 hex digits; every file of the folder carries it
 *   clusterId     22 characters of base64url
 *   nodeId        0 … 2^31 - 1
 *   segmentBytes  size of every segment file
 *   createdBy     version of the program
 *   checksum      8 hex digits
 */

import { assert } from '../kernel/assert.ts';
import {
  decodeHex,
  decodeUtf8Strict,
  encodeHex,
  encodeUtf8,
  parseUuidShort,
} from '../kernel/bytes.ts';
import { crc32c } from '../kernel/crc32c.ts';
import { BrokerError } from '../kernel/errors.ts';
import { type Disk, DiskError, type DiskFile, type Scheduler } from '../kernel/ports.ts';
import { PAGE_BYTES, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN } from './limits.ts';
import { storageDamaged, storageFailed } from './storage-fault.ts';

const NODE_FILE = 'node.json';
const TEMPORARY_FILE = 'node.json.tmp';
const FORMAT = 1;
const FILE_BYTES_MAX = 64 * 1024;
const NODE_ID_MAX = 2 ** 31 - 1;

export interface NodeIdentity {
  /** 16 bytes. */
  readonly storeId: Uint8Array;
  /** 22 characters. */
  readonly clusterId: string;
  readonly nodeId: number;
  readonly segmentBytes: number;
  readonly createdBy: string;
}

/**
 * Null when the folder has none.
 * @throws BrokerError storage_damaged, storage_failed, data_folder_newer
 */
export function readNodeFile(disk: Disk): NodeIdentity | null {
  try {
    if (!disk.exists(NODE_FILE)) return null;
    const file = disk.open(NODE_FILE, { create: false });
    try {
      return decode(readText(file));
    } finally {
      file.close();
    }
  } catch (error) {
    if (error instanceof DiskError) throw storageFailed(error);
    throw error;
  }
}

/** Writes the file of a new folder; `done` when it is durable: gets storage_failed, storage_full. */
export function createNodeFile(
  { disk, scheduler }: { readonly disk: Disk; readonly scheduler: Scheduler },
  identity: NodeIdentity,
  done: (error: BrokerError | null) => void,
): void {
  assert(isSound(identity), 'the identity of a new folder is sound');
  const finish = (error: DiskError | null) => done(error === null ? null : storageFailed(error));
  try {
    assert(!disk.exists(NODE_FILE), 'a data folder is made once');
    const file = disk.open(TEMPORARY_FILE, { create: true });
    file.truncate(0);
    file.writeSync([encodeUtf8(encode(identity))], 0);
    file.sync((error) => {
      file.close();
      if (error !== null) finish(error);
      else publish(disk, finish);
    });
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    scheduler.endOfTick(() => finish(error));
  }
}

function publish(disk: Disk, done: (error: DiskError | null) => void): void {
  try {
    disk.rename(TEMPORARY_FILE, NODE_FILE);
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    done(error);
    return;
  }
  disk.syncDirectory('', done);
}

function readText(file: DiskFile): string {
  const size = file.size();
  if (size > FILE_BYTES_MAX) throw damaged('it is too long');
  const bytes = new Uint8Array(size);
  const count = file.readSync(bytes, 0, size, 0);
  const text = decodeUtf8Strict(bytes, 0, count);
  if (text === null) throw damaged('it is no text');
  return text;
}

function fieldsOf(identity: NodeIdentity): Record<string, unknown> {
  return {
    format: FORMAT,
    storeId: encodeHex(identity.storeId),
    clusterId: identity.clusterId,
    nodeId: identity.nodeId,
    segmentBytes: identity.segmentBytes,
    createdBy: identity.createdBy,
  };
}

function encode(identity: NodeIdentity): string {
  const fields = fieldsOf(identity);
  return `${JSON.stringify({ ...fields, checksum: checksumOf(fields) }, null, 2)}\n`;
}

function checksumOf(fields: Record<string, unknown>): string {
  const bytes = encodeUtf8(JSON.stringify(fields));
  return crc32c(bytes, 0, bytes.length).toString(16).padStart(8, '0');
}

function decode(text: string): NodeIdentity {
  const fields = parse(text);
  const { format, storeId, clusterId, nodeId, segmentBytes, createdBy } = fields;
  if (typeof format === 'number' && Number.isInteger(format) && format > FORMAT) {
    throw new BrokerError('data_folder_newer', `${NODE_FILE} has format ${format}`);
  }
  const identity = {
    storeId: typeof storeId === 'string' ? decodeHex(storeId) : null,
    clusterId,
    nodeId,
    segmentBytes,
    createdBy,
  };
  if (format !== FORMAT || !isSound(identity)) throw damaged('a field makes no sense');
  // The text itself is compared: what parses to the same values but reads otherwise was changed too.
  if (encode(identity) !== text) throw damaged('its checksum is wrong');
  return identity;
}

function parse(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw damaged('it is no JSON');
  }
  if (typeof value !== 'object' || value === null) throw damaged('it is no JSON object');
  return value as Record<string, unknown>;
}

function isSound(fields: { readonly [K in keyof NodeIdentity]: unknown }): fields is NodeIdentity {
  const { storeId, clusterId, nodeId, segmentBytes, createdBy } = fields;
  return (
    storeId instanceof Uint8Array &&
    storeId.length === 16 &&
    typeof clusterId === 'string' &&
    parseUuidShort(clusterId) !== null &&
    isIntegerIn(nodeId, 0, NODE_ID_MAX) &&
    isIntegerIn(segmentBytes, SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX) &&
    segmentBytes % PAGE_BYTES === 0 &&
    typeof createdBy === 'string'
  );
}

function isIntegerIn(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
}

function damaged(what: string): BrokerError {
  return storageDamaged(NODE_FILE, 0, what);
}
