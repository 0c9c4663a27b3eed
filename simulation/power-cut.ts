/**
 * What a power cut leaves of a volume.
 *
 * Owns: the choice, for everything unsynced, between what was and what was going to be.
 *
 * Devices and kernels promise nothing about unsynced writes but that they do not touch other pages:
 * any of them may have happened, in any order, each down to the 512-byte sector. Four patterns are
 * drawn, each for contents and for names alone, since real losses look like one of them:
 *
 *     nothing       all that was not synced is gone
 *     everything    all of it made it, though nobody knew
 *     prefix        what was written before some moment; the write at that moment is torn
 *     subset        each page, size and name on its own: old, new, a version between, or torn
 *
 * Invariant: what a completed sync covers is in the result, byte for byte.
 */
import { Inode, PAGE_BYTES, Page, ZERO_PAGE } from './inode.ts';
import type { SeededRandom } from './random.ts';
import { applyName, Directory, Volume } from './volume.ts';

export const SECTOR_BYTES = 512;

export const survivals = ['nothing', 'everything', 'prefix', 'subset'] as const;
export type Survival = (typeof survivals)[number];

export interface PowerCut {
  readonly contents: Survival;
  readonly names: Survival;
  /** Of unsynced pages in a subset, how many are torn. */
  readonly tearRate: number;
}

export function choosePowerCut(random: SeededRandom): PowerCut {
  return {
    contents: random.pick(survivals),
    names: random.pick(survivals),
    tearRate: random.pick([0, 0.3, 1]),
  };
}

/** The volume as the next start finds it. `volume` itself stays as it is. */
export function afterPowerCut(volume: Volume, cut: PowerCut, random: SeededRandom): Volume {
  const names = surviveNames(volume, cut.names, random);
  const survivors = new Volume();
  const choice = new Choice(cut, volume, random);
  const twins = new Map<Inode, Inode>();
  const move = (source: Directory, target: Directory): void => {
    for (const [name, inode] of names.of(source)) {
      const twin = twins.get(inode) ?? choice.ofInode(inode, survivors);
      twins.set(inode, twin);
      target.live.set(name, twin);
      target.stable.set(name, twin);
    }
  };
  move(volume.root, survivors.root);
  for (const [name, source] of names.directories) {
    const target = new Directory();
    survivors.directories.set(name, target);
    survivors.stableDirectories.set(name, target);
    move(source, target);
  }
  survivors.countLinks();
  return survivors;
}

/** The stable names, with some of the unsynced operations done to them. */
function surviveNames(volume: Volume, survival: Survival, random: SeededRandom) {
  const directories = new Map(volume.stableDirectories);
  const names = new Map<Directory, Map<string, Inode>>();
  const of = (directory: Directory): Map<string, Inode> => {
    const found = names.get(directory) ?? new Map(directory.stable);
    names.set(directory, found);
    return found;
  };
  const { operations } = volume;
  const prefix = random.between(0, operations.length);
  operations.forEach((operation, index) => {
    const survives =
      survival === 'everything' ||
      (survival === 'prefix' && index < prefix) ||
      (survival === 'subset' && random.chance(0.5));
    if (survives) applyName(operation, of, directories);
  });
  return { directories, of };
}

/** Draws the contents of files. */
class Choice {
  private readonly cut: PowerCut;
  private readonly random: SeededRandom;
  /** Of the prefix pattern: the version that was being written. */
  private readonly lastVersion: number;

  constructor(cut: PowerCut, volume: Volume, random: SeededRandom) {
    this.cut = cut;
    this.random = random;
    const versions = unsyncedVersions(volume);
    this.lastVersion = versions[random.below(versions.length)] ?? 0;
  }

  ofInode(inode: Inode, survivors: Volume): Inode {
    const twin = new Inode(survivors);
    twin.size = this.sizeOf(inode);
    twin.stableSize = twin.size;
    const pageCount = Math.ceil(twin.size / PAGE_BYTES);
    for (let index = 0; index < Math.min(pageCount, inode.pages.length); index++) {
      const page = inode.pages[index];
      if (page === undefined) continue;
      const end = twin.size - index * PAGE_BYTES;
      // The buffers live on in both volumes.
      page.isOwned = false;
      let bytes = this.ofPage(inode, page, index);
      if (bytes === ZERO_PAGE) continue;
      if (end < PAGE_BYTES) bytes = bytes.slice().fill(0, end);
      const settled = new Page();
      settled.cache = bytes;
      settled.stable = bytes;
      settled.isAllocated = true;
      twin.adopt(index, settled);
    }
    return twin;
  }

  private sizeOf(inode: Inode): number {
    const { size, stableSize } = inode;
    if (!inode.isSizeDirty) return stableSize;
    switch (this.cut.contents) {
      case 'nothing':
        return stableSize;
      case 'everything':
        return size;
      case 'prefix':
        return inode.sizeVersion <= this.lastVersion ? size : stableSize;
      case 'subset': {
        const least = Math.min(size, stableSize);
        const between = this.random.between(least, Math.max(size, stableSize));
        return this.random.pick([size, stableSize, between]);
      }
    }
  }

  private ofPage(inode: Inode, page: Page, index: number): Uint8Array {
    const versions = possibleVersions(inode, page, index);
    switch (this.cut.contents) {
      case 'nothing':
        return page.stable;
      case 'everything':
        return versions.at(-1)?.bytes ?? page.stable;
      case 'prefix':
        return this.upToLast(versions);
      case 'subset':
        if (versions.length > 1 && this.random.chance(this.cut.tearRate))
          return this.tear(versions);
        return versions[this.random.below(versions.length)]?.bytes ?? page.stable;
    }
  }

  /** What the last version before the cut says, and a first part of the one being written. */
  private upToLast(versions: readonly Version[]): Uint8Array {
    let bytes: Uint8Array = ZERO_PAGE;
    for (const next of versions) {
      if (next.version > this.lastVersion && next !== versions[0]) break;
      if (next.version === this.lastVersion && next !== versions[0]) {
        const sectors = this.random.between(0, PAGE_BYTES / SECTOR_BYTES);
        const torn = bytes.slice();
        torn.set(next.bytes.subarray(0, sectors * SECTOR_BYTES));
        return torn;
      }
      bytes = next.bytes;
    }
    return bytes;
  }

  /** Each sector from any version. */
  private tear(versions: readonly Version[]): Uint8Array {
    const torn = new Uint8Array(PAGE_BYTES);
    for (let at = 0; at < PAGE_BYTES; at += SECTOR_BYTES) {
      const from = versions[this.random.below(versions.length)]?.bytes ?? ZERO_PAGE;
      torn.set(from.subarray(at, at + SECTOR_BYTES), at);
    }
    return torn;
  }
}

interface Version {
  readonly bytes: Uint8Array;
  readonly version: number;
}

/** All that the device may hold of a page, oldest first: stable, in a sync under way, dirty. */
function possibleVersions(inode: Inode, page: Page, index: number): Version[] {
  const versions: Version[] = [{ bytes: page.stable, version: page.stableVersion }];
  const underWay: Version[] = [];
  for (const capture of inode.captures) {
    const captured = capture.pages.get(index);
    if (captured !== undefined) underWay.push(captured);
  }
  if (page.isDirty) underWay.push({ bytes: page.cache, version: page.cacheVersion });
  underWay.sort((a, b) => a.version - b.version);
  for (const next of underWay) {
    if (next.version > (versions.at(-1)?.version ?? 0)) versions.push(next);
  }
  return versions;
}

function unsyncedVersions(volume: Volume): number[] {
  const versions: number[] = [];
  for (const directory of [volume.root, ...volume.directories.values()]) {
    for (const inode of directory.live.values()) {
      if (inode.isSizeDirty) versions.push(inode.sizeVersion);
      for (const index of inode.unsynced) versions.push(inode.pages[index]?.cacheVersion ?? 0);
    }
  }
  return versions;
}
