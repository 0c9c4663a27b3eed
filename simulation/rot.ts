/**
 * Rot: bits that flip in what was durable, and what may be made of it.
 *
 * Owns: choosing ranges in which every flip has to be found: sound blocks below the durable LSN, the
 * footers of sealed segments, checkpoints. Leaves: flipping to `volume.ts`.
 *
 * One bit is flipped. With several, the blocks that tell what is durable could rot as well, and
 * damage at the end of the log looks like a write that was torn.
 */
import { viewOf } from '../src/kernel/bytes.ts';
import { BlockScanner } from '../src/log/block-scan.ts';
import { PAGE_BYTES, SEGMENT_HEADER_BYTES } from '../src/log/limits.ts';
import { SimDisk } from './disk.ts';
import { SimProcess } from './process.ts';
import type { SeededRandom } from './random.ts';
import type { FileRange, Volume } from './volume.ts';
import { World } from './world.ts';

const FOOTER_MAGIC = 0x31464c50;
const ROWS_POSITION_AT = 52;

interface FoundBlock extends FileRange {
  readonly endLsn: number;
}

/** Flips one bit in `volume`, which is at rest. Returns the files that are not what they were. */
export function rot(volume: Volume, segmentBytes: number, random: SeededRandom): Set<string> {
  const kinds = [blockRanges, footerRanges, checkpointRanges] as const;
  const first = random.below(kinds.length);
  for (let i = 0; i < kinds.length; i++) {
    const rangesOf = kinds[(first + i) % kinds.length] ?? blockRanges;
    const flipped = volume.flipBits(random, 1, rangesOf(volume, segmentBytes));
    if (flipped.length > 0) return new Set(flipped.map(({ path }) => path));
  }
  return new Set();
}

function segmentPaths(volume: Volume): string[] {
  return volume
    .list('segments')
    .filter((name) => /^[0-9a-f]{8}\.seg$/.test(name))
    .map((name) => `segments/${name}`);
}

/** Blocks that a sound block calls durable. */
function blockRanges(volume: Volume, segmentBytes: number): FileRange[] {
  const disk = new SimDisk(new SimProcess(new World(1), 'rot'), volume.afterKill());
  const scanner = new BlockScanner();
  const found: FoundBlock[] = [];
  let durableLsn = 0;
  for (const path of segmentPaths(volume)) {
    const id = Number.parseInt(path.slice(-12, -4), 16);
    const file = disk.open(path, { create: false });
    const segment = { id, bytes: segmentBytes, file };
    for (let at = SEGMENT_HEADER_BYTES; at < segmentBytes; at += PAGE_BYTES) {
      if (!scanner.readBlock(segment, at)) continue;
      const { length, durableLsn: durable } = scanner.block;
      durableLsn = Math.max(durableLsn, durable);
      const endLsn = id * segmentBytes + at + length;
      found.push({ path, start: at, end: at + length, endLsn });
    }
  }
  return found.filter(({ endLsn }) => endLsn <= durableLsn);
}

function footerRanges(volume: Volume, segmentBytes: number): FileRange[] {
  const files = volume.files();
  const ranges: FileRange[] = [];
  for (const path of segmentPaths(volume)) {
    const bytes = files.get(path);
    if (bytes === undefined || bytes.length !== segmentBytes) continue;
    const trailerAt = segmentBytes - PAGE_BYTES;
    const view = viewOf(bytes);
    if (view.getUint32(trailerAt, true) !== FOOTER_MAGIC) continue;
    const start = view.getUint32(trailerAt + ROWS_POSITION_AT, true);
    if (start < trailerAt) ranges.push({ path, start, end: trailerAt });
  }
  return ranges;
}

function checkpointRanges(volume: Volume): FileRange[] {
  return volume
    .list('checkpoints')
    .filter((name) => name.endsWith('.ckp'))
    .map((name) => {
      const path = `checkpoints/${name}`;
      return { path, start: 0, end: volume.find(path)?.size ?? 0 };
    });
}
