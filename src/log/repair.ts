/**
 * Repair: everything that keeps a data folder from being used, and a draft of the folder without it.
 *
 * Owns: the order in which files are looked at, what of the damage can be accepted, what it costs.
 * Leaves: making the changes, and asking for leave, to the caller.
 *
 *   losses.json → manifest → checkpoints → sealed segments → headers of the others → the journal
 *
 * The last step is recovery itself, on the draft: it asks for a way past each damaged place, and when it
 * comes to its end the broker will start on the changed folder. Nothing is written here.
 */
import { assert } from '../kernel/assert.ts';
import { BrokerError } from '../kernel/errors.ts';
import { DiskError, type Ports } from '../kernel/ports.ts';
import { BlockScanner } from './block-scan.ts';
import { type CheckpointName, listCheckpoints } from './checkpoint-file.ts';
import { openCheckpoint } from './checkpoint-reader.ts';
import type { DraftDisk } from './draft-disk.ts';
import type { JournalOptions } from './journal-options.ts';
import { Ledger } from './ledger.ts';
import { ARCHIVE_ID_MIN, PAGE_BYTES, SEGMENT_HEADER_BYTES } from './limits.ts';
import { encodeLosses, LOSSES_FILE, Losses, NO_LOSSES, readLosses } from './losses.ts';
import type { StateMachine } from './machine.ts';
import { listManifests } from './manifest.ts';
import type { SealedSegment } from './manifest-record.ts';
import { replayManifest } from './manifest-replay.ts';
import { manifestPath } from './manifest-snapshot.ts';
import { recover } from './recovery.ts';
import { gapsOf } from './repair-gaps.ts';
import { JournalRepair } from './repair-journal.ts';
import { completeFromFiles, encodeManifest, salvageManifest } from './repair-manifest.ts';
import { checkSealed, type LostRange, type SegmentFinding } from './repair-segment.ts';
import { encodeSegmentHeader, readSegmentId, segmentPath } from './segment.ts';
import { SEGMENT_DIRECTORY, SegmentStore } from './segment-store.ts';
import { storageDamaged, storageFailed } from './storage-fault.ts';

/** A damaged place, and what accepting it would mean. */
export interface RepairFinding {
  readonly path: string;
  readonly position: number;
  readonly what: string;
  /** What is done about it. */
  readonly remedy: string;
  readonly isLoss: boolean;
}

export interface RepairSurvey {
  readonly findings: readonly RepairFinding[];
  /** Offsets that will not be read again, by partition and offset. */
  readonly lost: readonly LostRange[];
  /** Partitions whose next offset is put off, because nobody knows what was given: their log ends. */
  readonly raised: readonly (readonly [partition: number, offset: number])[];
}

export interface RepairParts {
  /** `disk` is the draft. */
  readonly ports: Ports;
  readonly draft: DraftDisk;
  readonly options: JournalOptions;
  readonly machine: StateMachine;
}

export type RepairDone = (error: BrokerError | null, survey: RepairSurvey | null) => void;

/** `done` gets storage_damaged, naming the place, when there is no way to use the folder again. */
export function surveyDamage(parts: RepairParts, done: RepairDone): void {
  new Survey(parts, done).begin();
}

class Survey {
  readonly #parts: RepairParts;
  readonly #done: RepairDone;
  readonly #findings: RepairFinding[] = [];
  readonly #lost: LostRange[] = [];
  /** Accepted earlier; and with what is found now. */
  #known = new Losses(NO_LOSSES);
  #losses = new Losses(NO_LOSSES);
  #live = new Map<number, SealedSegment>();
  #manifestNumber = 0;
  #isManifestStale = false;
  /** Where the last records of the manifest are unreadable; -1: nowhere. */
  #tornAt = -1;
  /** Null: the manifest was sound. */
  #removed: ReadonlySet<number> | null = null;
  /** Sealed segments that are given up. */
  readonly #gone = new Set<number>();
  /** The segment in which replay will begin. */
  #startId = 0;

  constructor(parts: RepairParts, done: RepairDone) {
    this.#parts = parts;
    this.#done = done;
  }

  begin(): void {
    this.#guard(() => {
      this.#readLosses();
      this.#readManifest();
      this.#checkCheckpoints(listCheckpoints(this.#parts.draft), [], []);
    });
  }

  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (error instanceof DiskError) this.#done(storageFailed(error), null);
      else if (error instanceof BrokerError) this.#done(error, null);
      else throw error;
    }
  }

  #note(path: string, position: number, what: string, remedy: string, isLoss: boolean): void {
    this.#findings.push({ path, position, what, remedy, isLoss });
  }

  #readLosses(): void {
    const { draft, options } = this.#parts;
    try {
      const list = readLosses(draft, options.storeId);
      this.#known = new Losses(list);
      this.#losses = new Losses({ ...list, batches: [] });
    } catch (error) {
      if (!(error instanceof BrokerError) || error.code !== 'storage_damaged') throw error;
      this.#note(LOSSES_FILE, 0, whatOf(error), 'what it said is found again', false);
    }
  }

  #readManifest(): void {
    const { draft, options } = this.#parts;
    const number = listManifests(draft).pop() ?? 0;
    this.#manifestNumber = number;
    if (number === 0) {
      this.#note('manifest', 0, 'there is none', 'made again from the segments', false);
      this.#removed = new Set();
      return;
    }
    const path = manifestPath(number);
    const file = draft.open(path);
    const bytes = new Uint8Array(file.size());
    file.readSync(bytes, 0, bytes.length, 0);
    file.close();
    try {
      const { live, end } = replayManifest(bytes, path, number, options.storeId);
      this.#live = live;
      if (end === bytes.length) return;
      // It looks torn, and may have been whole: the files tell whether it was acted on.
      this.#tornAt = end;
      this.#removed = salvageManifest(bytes).removed;
    } catch (error) {
      if (!(error instanceof BrokerError) || error.code !== 'storage_damaged') throw error;
      const remedy = 'made again from what is left of it and from the segments';
      this.#note(path, positionOf(error), whatOf(error), remedy, false);
      const { live, removed } = salvageManifest(bytes);
      this.#live = live;
      this.#removed = removed;
    }
  }

  #checkCheckpoints(
    left: readonly CheckpointName[],
    sound: readonly CheckpointName[],
    unsound: readonly RepairFinding[],
  ): void {
    const { ports, options } = this.#parts;
    const [name, ...rest] = left;
    if (name === undefined) return this.#guard(() => this.#chooseStart(sound, unsound));
    openCheckpoint(ports, name, options.storeId, (error, checkpoint) => {
      checkpoint?.close();
      if (error === null) return this.#checkCheckpoints(rest, [...sound, name], unsound);
      if (error.code !== 'storage_damaged') return this.#done(error, null);
      const finding = {
        path: name.path,
        position: positionOf(error),
        what: whatOf(error),
        remedy: sound.length > 0 ? 'removed' : 'removed: more of the journal is read instead',
        isLoss: false,
      };
      this.#checkCheckpoints(rest, sound, [...unsound, finding]);
    });
  }

  #chooseStart(sound: readonly CheckpointName[], unsound: readonly RepairFinding[]): void {
    const { draft, options } = this.#parts;
    const [first] = unsound;
    if (first !== undefined && sound.length === 0 && !draft.exists(segmentPath(1))) {
      const why = 'no checkpoint is sound, and the journal before them is gone: what the broker';
      throw storageDamaged(
        first.path,
        first.position,
        `${why} knew can be had only from a backup. This cannot be repaired`,
      );
    }
    for (const finding of unsound) {
      this.#findings.push(finding);
      draft.drop(finding.path);
    }
    this.#startId = Math.floor((sound[0]?.startLsn ?? 0) / options.segmentBytes);
    this.#completeManifest();
    this.#checkSegments();
    this.#checkHeaders();
    this.#putManifest();
    this.#replay();
  }

  #completeManifest(): void {
    if (this.#removed === null) return;
    const { draft, options } = this.#parts;
    const before = [...this.#live.keys()].sort().join();
    completeFromFiles(draft, options, this.#live, this.#removed, this.#startId);
    const isSame = before === [...this.#live.keys()].sort().join();
    if (this.#tornAt >= 0 && isSame) return;
    if (this.#tornAt >= 0) {
      const remedy = 'made again from the segments';
      const path = manifestPath(this.#manifestNumber);
      this.#note(path, this.#tornAt, 'its last records are unreadable', remedy, false);
    }
    this.#isManifestStale = true;
  }

  #checkSegments(): void {
    const { draft, options } = this.#parts;
    for (const sealed of [...this.#live.values()]) {
      const { id, footer } = sealed;
      const known = this.#known.batches(id, footer.directoryCrc);
      const check = checkSealed(draft, options, sealed, known);
      for (const { position, what, lost } of check.findings) {
        const remedy = lost.length > 0 ? 'left out' : 'made again from the rest';
        this.#note(segmentPath(id), position, what, remedy, lost.length > 0);
        this.#lost.push(...lost);
      }
      if (check.sealed === null) this.#giveUp(sealed, check.findings);
      else if (check.lostPositions.length > 0) {
        const { directoryCrc } = check.sealed.footer;
        const positions = check.lostPositions;
        this.#losses.addBatches({ segment: id, footer: directoryCrc, positions });
      }
      if (check.sealed === sealed) continue;
      this.#isManifestStale = true;
      if (check.sealed !== null) this.#live.set(id, check.sealed);
    }
  }

  #giveUp({ id, extents }: SealedSegment, findings: readonly SegmentFinding[]): void {
    this.#live.delete(id);
    this.#gone.add(id);
    assert(findings.length > 0, 'a segment is given up for a reason');
    for (let i = 0; i < extents.count; i++) {
      this.#losses.raiseEnd(extents.partitions[i] ?? 0, (extents.lastOffsets[i] ?? 0) + 1);
    }
  }

  /** Of segments without a footer: a block at its place shows which segment it is. */
  #checkHeaders(): void {
    const { draft, options } = this.#parts;
    const { segmentBytes, storeId } = options;
    const scanner = new BlockScanner();
    for (const name of draft.list(SEGMENT_DIRECTORY)) {
      const id = Number.parseInt(/^([0-9a-f]{8})\.seg$/.exec(name)?.[1] ?? '-1', 16);
      if (id < Math.max(1, this.#startId) || id >= ARCHIVE_ID_MIN || this.#live.has(id)) continue;
      const file = draft.open(segmentPath(id));
      scanner.reset();
      if (
        file.size() === segmentBytes &&
        readSegmentId(file, segmentBytes, storeId) !== id &&
        hasBlock(scanner, { id, bytes: segmentBytes, file })
      ) {
        this.#note(file.path, 0, 'the header is wrong', 'made again', false);
        draft.patch(file.path, 0, encodeSegmentHeader(id, segmentBytes, storeId, 0));
      }
      file.close();
    }
  }

  #putManifest(): void {
    if (!this.#isManifestStale) return;
    const number = this.#manifestNumber + 1;
    const segments = [...this.#live.values()];
    const bytes = encodeManifest(number, this.#parts.options.storeId, segments);
    this.#parts.draft.put(manifestPath(number), bytes);
  }

  #replay(): void {
    const { ports, options, machine } = this.#parts;
    const store = new SegmentStore(ports, options);
    const ledger = new Ledger(store);
    const finder = new JournalRepair(this.#losses, ledger, store, this.#gone);
    const unknown = new Losses(NO_LOSSES);
    ledger.onUnknown = (partition, end) => unknown.raiseEnd(partition, end);
    recover({ ports, options, machine, store, ledger, finder }, (error, recovered) => {
      if (error !== null && !(error instanceof BrokerError)) throw error;
      this.#guard(() => {
        if (recovered === null) throw unrepairable(error);
        // Its creation may be what is lost.
        if (finder.findings.length > 0) {
          for (const [id, end] of unknown.ends) this.#losses.raiseEnd(id, end);
        }
        const before = new Map(this.#losses.ends);
        finder.settle();
        this.#noteBlocks(finder);
        ledger.exposeAll();
        machine.restored();
        this.#noteGaps(finder, ledger, store);
        store.close();
        recovered.manifest.close();
        const raised = [...this.#losses.ends].filter(([id, offset]) => before.get(id) !== offset);
        this.#finish(raised);
      });
    });
  }

  #noteBlocks(finder: JournalRepair): void {
    for (const { path, loss } of finder.findings) {
      const { position, entries } = loss;
      const what =
        entries === null
          ? `no readable block for ${loss.lostBytes} bytes`
          : `${entries.length} batches of a block do not match their checksums`;
      const remedy =
        entries === null ? 'passed over, whatever was in it' : 'left out, the rest of it is kept';
      this.#note(path, position, what, remedy, true);
    }
  }

  /** What is settled everywhere may have been let go already, and is nobody's loss. */
  #noteGaps(finder: JournalRepair, ledger: Ledger, store: SegmentStore): void {
    const { machine } = this.#parts;
    for (const { loss } of finder.findings) {
      for (const partition of ledger.partitions()) {
        const gaps = gapsOf(partition, store, loss);
        this.#lost.push(
          ...gaps.filter((gap) => !machine.isDead(gap.partition, gap.first, gap.last)),
        );
      }
    }
  }

  #finish(raised: RepairSurvey['raised']): void {
    const { draft, options } = this.#parts;
    if (this.#findings.length > 0) {
      draft.put(LOSSES_FILE, encodeLosses(this.#losses.list(), options.storeId));
    }
    this.#done(null, { findings: this.#findings, lost: merged(this.#lost), raised });
  }
}

/** In order, neighbours and what overlaps put together. */
function merged(ranges: readonly LostRange[]): LostRange[] {
  const result: LostRange[] = [];
  const rising = [...ranges].sort(
    (left, right) => left.partition - right.partition || left.first - right.first,
  );
  for (const range of rising) {
    const before = result.at(-1);
    if (before?.partition === range.partition && range.first <= before.last + 1) {
      const last = Math.max(before.last, range.last);
      result[result.length - 1] = { ...before, last };
    } else {
      result.push(range);
    }
  }
  return result;
}

function hasBlock(
  scanner: BlockScanner,
  segment: Parameters<BlockScanner['readBlock']>[0],
): boolean {
  for (let at = SEGMENT_HEADER_BYTES; at < segment.bytes; at += PAGE_BYTES) {
    if (scanner.readBlock(segment, at)) return true;
  }
  return false;
}

function unrepairable(error: BrokerError | null): BrokerError {
  if (error?.code !== 'storage_damaged') return error ?? new BrokerError('storage_failed');
  return new BrokerError('storage_damaged', `${error.detail}. This cannot be repaired`);
}

function positionOf({ detail }: BrokerError): number {
  return Number(/ at byte (\d+): /.exec(detail)?.[1] ?? 0);
}

function whatOf({ detail }: BrokerError): string {
  return detail.replace(/^.* at byte \d+: /, '');
}
