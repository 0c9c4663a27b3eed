/**
 * A simulated file: what processes see (page cache) and what the device holds (stable storage).
 *
 * Owns: pages, sizes, what a sync covers, what a failed sync leaves behind.
 * Leaves: names and the choice of what survives to `volume.ts` and `power-cut.ts`.
 *
 * The states of a page:
 *
 *     clean       stableVersion = cacheVersion
 *     dirty       stableVersion < cacheVersion, isDirty: the next sync takes it
 *     abandoned   stableVersion < cacheVersion, not isDirty: a sync of it failed. Reads see the new
 *                 bytes, later syncs succeed without it, and a power cut loses it: as on Linux.
 *
 * Invariants: a version is drawn from the volume's one counter, so versions of all files are ordered
 * by when they were written. `stableVersion` only grows. A buffer that is shared (with the stable
 * side, a sync under way, or another volume) is never written to: `isOwned` says that it is not.
 */
import { assert } from '../src/kernel/assert.ts';
import type { SeededRandom } from './random.ts';

export const PAGE_BYTES = 4096;

/** Every page never written to. Shared by all, so never owned. */
export const ZERO_PAGE = new Uint8Array(PAGE_BYTES);

export class Page {
  cache: Uint8Array = ZERO_PAGE;
  cacheVersion = 0;
  stable: Uint8Array = ZERO_PAGE;
  stableVersion = 0;
  isOwned = false;
  isDirty = false;
  /** Counts against the device's capacity. */
  isAllocated = false;
}

/** What one sync call covers: fixed when it is called. */
export interface Capture {
  readonly pages: ReadonlyMap<number, { readonly bytes: Uint8Array; readonly version: number }>;
  readonly size: number;
  readonly sizeVersion: number;
}

/** The volume's side of its files: one order of all writes, one capacity. */
export interface Ledger {
  version: number;
  allocatedPages: number;
}

export class Inode {
  /** Undefined is a hole. */
  readonly pages: (Page | undefined)[] = [];
  /** Indexes of pages that are dirty or abandoned. */
  readonly unsynced = new Set<number>();
  /** Syncs under way: what they cover may be stable already. */
  readonly captures = new Set<Capture>();
  size = 0;
  sizeVersion = 0;
  stableSize = 0;
  stableSizeVersion = 0;
  isSizeDirty = false;
  handles = 0;
  links = 0;
  private readonly ledger: Ledger;

  constructor(ledger: Ledger) {
    this.ledger = ledger;
  }

  /** Copies what there is of [position, position + length) to `target`; returns how much. */
  read(target: Uint8Array, start: number, length: number, position: number): number {
    const count = Math.max(0, Math.min(length, this.size - position));
    for (let copied = 0; copied < count; ) {
      const inPage = (position + copied) % PAGE_BYTES;
      const piece = Math.min(PAGE_BYTES - inPage, count - copied);
      const page = this.pages[(position + copied - inPage) / PAGE_BYTES];
      const bytes = page === undefined ? ZERO_PAGE : page.cache;
      target.set(bytes.subarray(inPage, inPage + piece), start + copied);
      copied += piece;
    }
    return count;
  }

  /** How many of `length` bytes at `position` can be written with `freePages` more pages. */
  writable(position: number, length: number, freePages: number): number {
    let left = freePages;
    const end = position + length;
    for (let at = position - (position % PAGE_BYTES); at < end; at += PAGE_BYTES) {
      if (this.pages[at / PAGE_BYTES]?.isAllocated) continue;
      if (left === 0) return Math.max(0, at - position);
      left--;
    }
    return length;
  }

  /** Writes the first `length` bytes of `parts` to the cache. */
  write(parts: readonly Uint8Array[], position: number, length: number): void {
    let at = position;
    const end = position + length;
    for (const part of parts) {
      const stop = Math.min(end, at + part.length);
      for (let from = 0; at < stop; ) {
        const inPage = at % PAGE_BYTES;
        const piece = Math.min(PAGE_BYTES - inPage, stop - at);
        const page = this.touch((at - inPage) / PAGE_BYTES, piece === PAGE_BYTES);
        page.cache.set(part.subarray(from, from + piece), inPage);
        from += piece;
        at += piece;
      }
    }
    if (length > 0 && end > this.size) this.resize(end);
    // Writing back what lies past the size that the device knows makes it known, though an earlier
    // sync of it has failed.
    else if (length > 0 && end > this.stableSize) this.isSizeDirty = true;
  }

  truncate(size: number): void {
    if (size < this.size) {
      const inPage = size % PAGE_BYTES;
      const cut = (size - inPage) / PAGE_BYTES;
      if (inPage > 0 && this.pages[cut] !== undefined) this.touch(cut, false).cache.fill(0, inPage);
      for (let i = inPage > 0 ? cut + 1 : cut; i < this.pages.length; i++) {
        const page = this.pages[i];
        if (page === undefined) continue;
        this.touch(i, true);
        page.cache = ZERO_PAGE;
        page.isOwned = false;
        page.isAllocated = false;
        this.ledger.allocatedPages--;
      }
    }
    this.resize(size);
  }

  /** Gives the space back when no name and no handle is left. */
  maybeFree(): void {
    assert(this.links >= 0 && this.handles >= 0, 'links and handles are counted');
    if (this.links > 0 || this.handles > 0) return;
    for (const page of this.pages) {
      if (!page?.isAllocated) continue;
      page.isAllocated = false;
      this.ledger.allocatedPages--;
    }
  }

  /** Begins a sync: everything dirty now, as it is now. */
  capture(): Capture {
    const pages = new Map<number, { bytes: Uint8Array; version: number }>();
    for (const index of this.unsynced) {
      const page = this.pages[index];
      if (!page?.isDirty) continue;
      page.isOwned = false;
      pages.set(index, { bytes: page.cache, version: page.cacheVersion });
    }
    const { size, sizeVersion, stableSize, stableSizeVersion } = this;
    const capture = this.isSizeDirty
      ? { pages, size, sizeVersion }
      : { pages, size: stableSize, sizeVersion: stableSizeVersion };
    this.captures.add(capture);
    return capture;
  }

  /** The sync has succeeded. Syncs may end in another order than they began. */
  complete(capture: Capture): void {
    this.captures.delete(capture);
    for (const [index, { bytes, version }] of capture.pages) this.stabilise(index, bytes, version);
    this.stabiliseSize(capture.size, capture.sizeVersion);
  }

  /** The sync has failed: each page got there or did not, and none of them will be tried again. */
  abandon(capture: Capture, random: SeededRandom): void {
    this.captures.delete(capture);
    for (const [index, { bytes, version }] of capture.pages) {
      const page = this.pages[index];
      if (random.chance(0.5)) this.stabilise(index, bytes, version);
      else if (page?.cacheVersion === version) page.isDirty = false;
    }
    if (random.chance(0.5)) this.stabiliseSize(capture.size, capture.sizeVersion);
    else if (this.sizeVersion === capture.sizeVersion) this.isSizeDirty = false;
  }

  /** The kernel writes some dirty pages back because it feels like it. */
  writeBack(random: SeededRandom): void {
    for (const index of [...this.unsynced]) {
      const page = this.pages[index];
      if (!page?.isDirty || random.chance(0.5)) continue;
      page.isOwned = false;
      this.stabilise(index, page.cache, page.cacheVersion);
    }
    if (this.isSizeDirty && random.chance(0.5)) this.stabiliseSize(this.size, this.sizeVersion);
  }

  /** Puts a page in place as it came from another volume. */
  adopt(index: number, page: Page): void {
    while (this.pages.length <= index) this.pages.push(undefined);
    this.pages[index] = page;
    if (page.cacheVersion !== page.stableVersion) this.unsynced.add(index);
    if (page.isAllocated) this.ledger.allocatedPages++;
  }

  private stabilise(index: number, bytes: Uint8Array, version: number): void {
    const page = this.pages[index];
    assert(page !== undefined, 'what was captured is a page');
    if (version <= page.stableVersion) return;
    page.stable = bytes;
    page.stableVersion = version;
    if (page.cacheVersion !== version) return;
    page.isDirty = false;
    this.unsynced.delete(index);
  }

  private stabiliseSize(size: number, version: number): void {
    if (version <= this.stableSizeVersion) return;
    this.stableSize = size;
    this.stableSizeVersion = version;
    if (this.sizeVersion === version) this.isSizeDirty = false;
  }

  private resize(size: number): void {
    this.size = size;
    this.sizeVersion = ++this.ledger.version;
    this.isSizeDirty = true;
  }

  /** The page, dirty, in a buffer that may be written to. `isWhole`: all of it will be. */
  private touch(index: number, isWhole: boolean): Page {
    while (this.pages.length <= index) this.pages.push(undefined);
    let page = this.pages[index];
    if (page === undefined) {
      page = new Page();
      this.pages[index] = page;
    }
    if (!page.isAllocated) {
      page.isAllocated = true;
      this.ledger.allocatedPages++;
    }
    if (!page.isOwned) {
      page.cache = isWhole ? new Uint8Array(PAGE_BYTES) : page.cache.slice();
      page.isOwned = true;
    }
    page.isDirty = true;
    page.cacheVersion = ++this.ledger.version;
    this.unsynced.add(index);
    return page;
  }
}
