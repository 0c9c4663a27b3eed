/**
 * Checking the footer of a sealed segment, and through it the batches of an archive segment.
 *
 * Owns: reading all of it once, reporting the first thing that is wrong. Leaves: formats to log/.
 */

import { viewOf } from '../kernel/bytes.ts';
import { BrokerError } from '../kernel/errors.ts';
import type { DiskFile } from '../kernel/ports.ts';
import { BatchLocation } from '../log/batch-index.ts';
import { checkBatch } from '../log/block.ts';
import {
  decodeDirectory,
  decodeRowPage,
  directoryBytes,
  directoryPosition,
  type FooterDirectory,
  type FooterInfo,
  type RowPage,
  rowPageBytes,
  rowPagePosition,
} from '../log/footer.ts';
import type { Damage } from './inspect-report.ts';

export interface FooterCheck {
  readonly rows: number;
  readonly damage: readonly Damage[];
}

/** `withBatches`: also the checksum of each batch, which in a journal segment the blocks cover. */
export function checkFooter(file: DiskFile, info: FooterInfo, withBatches: boolean): FooterCheck {
  const damage: Damage[] = [];
  try {
    const position = directoryPosition(info);
    const bytes = readBytes(file, position, directoryBytes(info.rowCount, info.partitionCount));
    const directory = decodeDirectory(bytes, info, file.path);
    const pages: RowPage[] = [];
    for (let page = 0; page < directory.pageCrcs.length; page++) {
      const rows = readBytes(file, rowPagePosition(info, page), rowPageBytes(info, page));
      pages.push(decodeRowPage(rows, directory, page, file.path));
    }
    if (withBatches) checkBatches(file, directory, pages, damage);
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    damage.push({ file: file.path, position: info.position, end: null, what: error.detail });
  }
  return { rows: info.rowCount, damage };
}

function checkBatches(
  file: DiskFile,
  directory: FooterDirectory,
  pages: readonly RowPage[],
  damage: Damage[],
): void {
  const location = new BatchLocation();
  for (let extent = 0; extent < directory.info.partitionCount; extent++) {
    const end = directory.rowStarts[extent + 1] ?? 0;
    for (let row = directory.rowStarts[extent] ?? 0; row < end; row++) {
      const page = pages.find(({ firstRow, endRow }) => row >= firstRow && row < endRow);
      if (page === undefined) continue;
      page.read(row, extent, location);
      const { position, size } = location;
      const bytes = readBytes(file, position, size);
      if (checkBatch(bytes, viewOf(bytes), 0, bytes.length)) continue;
      const what = `a batch of ${size} bytes does not match its checksum`;
      damage.push({ file: file.path, position, end: position + size, what });
    }
  }
}

function readBytes(file: DiskFile, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  return bytes.subarray(0, file.readSync(bytes, 0, length, position));
}
