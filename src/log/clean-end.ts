/**
 * `clean-end`: where the journal ended when it was closed in order.
 *
 * Owns: the file's bytes, and the order in which it comes and goes.
 *
 * While it is there, nothing has been written since: a start takes it away, for good, before it writes.
 * So a start that finds the end which it names need not look for blocks behind it, in hundreds of
 * megabytes that are made ready ahead; and one that ends before has found damage.
 *
 *   off  size  field (little-endian)
 *   0    4     magic, "PLE1"
 *   4    2     version, 1
 *   6    2     reserved, 0
 *   8    16    store id
 *   24   8     LSN after the last block
 *   32   4     crc of that block
 *   36   4     its epoch
 *   40   4     crc32c of bytes 0…40
 */
import {
  equalBytes,
  readInt64LittleEndian,
  viewOf,
  writeInt64LittleEndian,
} from '../kernel/bytes.ts';
import { crc32c } from '../kernel/crc32c.ts';
import { type Disk, DiskError } from '../kernel/ports.ts';

const CLEAN_END_FILE = 'clean-end';
const TEMPORARY_FILE = 'clean-end.tmp';
const MAGIC = 0x31454c50; // "PLE1"
const VERSION = 1;
const FILE_BYTES = 44;

export interface CleanEnd {
  readonly lsn: number;
  readonly crc: number;
  readonly epoch: number;
}

/**
 * What the file says, which is removed; durable once the folder is synced. Null: nothing that counts.
 * @throws DiskError
 */
export function takeCleanEnd(disk: Disk, storeId: Uint8Array): CleanEnd | null {
  if (disk.exists(TEMPORARY_FILE)) disk.remove(TEMPORARY_FILE);
  if (!disk.exists(CLEAN_END_FILE)) return null;
  const file = disk.open(CLEAN_END_FILE, { create: false });
  const bytes = new Uint8Array(FILE_BYTES);
  const count = file.readSync(bytes, 0, FILE_BYTES, 0);
  file.close();
  disk.remove(CLEAN_END_FILE);
  return count === FILE_BYTES ? decode(bytes, storeId) : null;
}

function decode(bytes: Uint8Array, storeId: Uint8Array): CleanEnd | null {
  const view = viewOf(bytes);
  const isSound =
    view.getUint32(0, true) === MAGIC &&
    view.getUint16(4, true) === VERSION &&
    equalBytes(bytes.subarray(8, 24), storeId) &&
    view.getUint32(40, true) === crc32c(bytes, 0, 40);
  if (!isSound) return null;
  return {
    lsn: readInt64LittleEndian(view, 24),
    crc: view.getUint32(32, true),
    epoch: view.getUint32(36, true),
  };
}

/** Writes the file; without it the next start just takes longer, so what goes wrong is passed over. */
export function putCleanEnd(
  disk: Disk,
  storeId: Uint8Array,
  { lsn, crc, epoch }: CleanEnd,
  done: () => void,
): void {
  const bytes = new Uint8Array(FILE_BYTES);
  const view = viewOf(bytes);
  view.setUint32(0, MAGIC, true);
  view.setUint16(4, VERSION, true);
  bytes.set(storeId, 8);
  writeInt64LittleEndian(view, 24, lsn);
  view.setUint32(32, crc, true);
  view.setUint32(36, epoch, true);
  view.setUint32(40, crc32c(bytes, 0, 40), true);
  const isBegun = attempt(() => {
    const file = disk.open(TEMPORARY_FILE, { create: true });
    file.truncate(0);
    file.writeSync([bytes], 0);
    file.sync((error) => {
      file.close();
      const isNamed = error === null && attempt(() => disk.rename(TEMPORARY_FILE, CLEAN_END_FILE));
      if (isNamed) disk.syncDirectory('', () => done());
      else done();
    });
  });
  if (!isBegun) done();
}

function attempt(action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    if (error instanceof DiskError) return false;
    throw error;
  }
}
