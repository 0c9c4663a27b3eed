/**
 * Where things lie in the files of a stopped broker: the blocks that its next start will read, and what
 * is in them.
 *
 * Owns: following the journal from the newest checkpoint on. Leaves: the block format to `src/log`.
 */
import fs from 'node:fs';
import path from 'node:path';
import { BlockFlag, pageAlign } from '../../src/log/block.ts';
import { BlockScanner } from '../../src/log/block-scan.ts';
import { NodeDisk } from '../../src/node/disk.ts';
import { type Batch, readBatches } from './batches.ts';

const PAGE_BYTES = 4096;

export interface BlockPlace {
  /** Relative to the data folder. */
  readonly path: string;
  readonly position: number;
  readonly length: number;
  readonly lsn: number;
  readonly durableLsn: number;
  readonly isClean: boolean;
  readonly batches: readonly Batch[];
}

export interface JournalMap {
  readonly segmentBytes: number;
  /** Of the segment in which the replay begins. */
  readonly firstId: number;
  readonly blocks: readonly BlockPlace[];
  /** Everything before it had been synced, as far as the blocks say. */
  readonly durableLsn: number;
}

export function mapJournal(dataDir: string): JournalMap {
  const { segmentBytes } = JSON.parse(fs.readFileSync(path.join(dataDir, 'node.json'), 'utf8')) as {
    segmentBytes: number;
  };
  const disk = new NodeDisk(dataDir);
  const starts = disk
    .list('checkpoints')
    .filter((name) => name.endsWith('.ckp'))
    .map((name) => Number.parseInt(name, 16));
  const startLsn = Math.max(segmentBytes + PAGE_BYTES, ...starts);
  const firstId = Math.floor(startLsn / segmentBytes);
  const blocks: BlockPlace[] = [];
  const scanner = new BlockScanner();
  let epoch = 0;
  for (let id = firstId, position = startLsn % segmentBytes; ; id++, position = PAGE_BYTES) {
    const name = segmentName(id);
    if (!disk.exists(name)) break;
    const file = disk.open(name, { create: false });
    const segment = { id, bytes: segmentBytes, file };
    const before = blocks.length;
    while (scanner.readBlock(segment, position) && scanner.block.epoch >= epoch) {
      epoch = scanner.block.epoch;
      blocks.push(placeOf(scanner, name, position, id));
      position += pageAlign(scanner.block.length);
    }
    file.close();
    if (blocks.length === before && id > firstId) break;
  }
  disk.close();
  const durableLsn = Math.max(startLsn, ...blocks.map((block) => block.durableLsn));
  return { segmentBytes, firstId, blocks, durableLsn };
}

export function segmentName(id: number): string {
  return `segments/${id.toString(16).padStart(8, '0')}.seg`;
}

function placeOf(scanner: BlockScanner, name: string, position: number, id: number): BlockPlace {
  const { length, lsn, durableLsn, flags } = scanner.block;
  const batches: Batch[] = [];
  scanner.entries(
    id,
    () => {},
    ({ bytes, batchStart, batchEnd }) => {
      batches.push(...readBatches(Buffer.from(bytes.subarray(batchStart, batchEnd))));
    },
  );
  const isClean = (flags & BlockFlag.clean) !== 0;
  return { path: name, position, length, lsn, durableLsn, isClean, batches };
}
