/**
 * What `polylog inspect` finds, and how it is shown.
 *
 * Owns: the shape of the report, which is also its JSON, and its text.
 */

import { renderTable } from './table.ts';

/** Bytes that cannot be trusted. */
export interface Damage {
  /** Relative to the data folder. */
  readonly file: string;
  readonly position: number;
  /** Where sound bytes begin again, if that is known. */
  readonly end: number | null;
  readonly what: string;
}

export interface BlockReport {
  readonly lsn: number;
  readonly file: string;
  readonly position: number;
  readonly bytes: number;
  readonly epoch: number;
  readonly durableLsn: number;
  /** Unix ms. */
  readonly time: number;
  readonly flags: readonly string[];
  /** How many of each kind. */
  readonly entries: Readonly<Record<string, number>>;
}

export interface SegmentReport {
  readonly file: string;
  readonly id: number;
  readonly kind: 'journal' | 'archive' | 'free';
  /** Named by the manifest: written to its end, with a footer. */
  readonly isSealed: boolean;
  readonly blocks: number;
  readonly batches: number;
  /** Position after the last sound block or batch. */
  readonly end: number;
}

export interface CheckpointReport {
  readonly file: string;
  readonly startLsn: number;
  readonly isSound: boolean;
  readonly epoch: number | null;
  readonly time: number | null;
  readonly objects: number;
  readonly bytes: number;
}

export interface JournalReport {
  /** Of the first and after the last sound block. */
  readonly startLsn: number;
  readonly endLsn: number;
  /** The highest that any block says to be durable. */
  readonly durableLsn: number;
  readonly epoch: number;
  readonly blocks: number;
  readonly entries: Readonly<Record<string, number>>;
  /** It ends with the mark of an orderly shutdown. */
  readonly isClean: boolean;
}

export interface PartitionReport {
  readonly partition: number;
  readonly id: number;
  readonly logStart: number;
  readonly logEnd: number;
}

export interface TopicReport {
  readonly name: string;
  readonly uuid: string;
  readonly options: Readonly<Record<string, string>>;
  readonly partitions: readonly PartitionReport[];
}

export interface Inspection {
  readonly folder: string;
  readonly node: {
    readonly clusterId: string;
    readonly nodeId: number;
    readonly storeId: string;
    readonly segmentBytes: number;
    readonly createdBy: string;
  } | null;
  readonly manifest: {
    readonly file: string;
    readonly frames: number;
    readonly segments: number;
    /** Bytes behind the last whole frame: a write that was cut short. */
    readonly tornBytes: number;
  } | null;
  readonly checkpoints: readonly CheckpointReport[];
  readonly segments: readonly SegmentReport[];
  readonly journal: JournalReport | null;
  readonly topics: readonly TopicReport[];
  readonly queues: number;
  /** Only when they were asked for. */
  readonly blocks: readonly BlockReport[] | null;
  readonly damage: readonly Damage[];
}

export function renderInspection(inspection: Inspection): string {
  const parts = [
    renderNode(inspection),
    renderCheckpoints(inspection.checkpoints),
    renderSegments(inspection.segments),
    inspection.blocks === null ? '' : renderBlocks(inspection.blocks),
    renderJournal(inspection.journal),
    renderTopics(inspection.topics),
    renderDamage(inspection.damage),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function renderNode({ folder, node, manifest, queues }: Inspection): string {
  const rows = [['folder', folder]];
  if (node !== null) {
    rows.push(['cluster', node.clusterId], ['made by', `version ${node.createdBy}`]);
    rows.push(['segment size', `${node.segmentBytes} bytes`]);
  }
  if (manifest !== null) {
    const torn = manifest.tornBytes === 0 ? '' : `, ${manifest.tornBytes} bytes torn off`;
    rows.push([manifest.file, `${manifest.segments} sealed segments${torn}`]);
  }
  rows.push(['queues', String(queues)]);
  return renderTable(['node', ''], rows);
}

function renderCheckpoints(checkpoints: readonly CheckpointReport[]): string {
  if (checkpoints.length === 0) return '';
  const rows = checkpoints.map((each) => [
    each.file,
    String(each.startLsn),
    String(each.epoch ?? ''),
    String(each.objects),
    String(each.bytes),
    each.isSound ? timeText(each.time ?? 0) : 'damaged',
  ]);
  return renderTable(['checkpoint', 'start LSN', 'epoch', 'objects', 'bytes', 'time'], rows);
}

function renderSegments(segments: readonly SegmentReport[]): string {
  if (segments.length === 0) return '';
  const rows = segments.map(({ file, kind, isSealed, blocks, batches, end }) => [
    file,
    `${kind}${isSealed ? ', sealed' : ''}`,
    String(blocks),
    String(batches),
    String(end),
  ]);
  return renderTable(['segment', 'kind', 'blocks', 'batches', 'end'], rows);
}

function renderBlocks(blocks: readonly BlockReport[]): string {
  const rows = blocks.map((block) => [
    String(block.lsn),
    `${block.file} at ${block.position}`,
    String(block.bytes),
    String(block.epoch),
    String(block.durableLsn),
    [...block.flags, entriesText(block.entries)].join(' '),
  ]);
  return renderTable(['LSN', 'position', 'bytes', 'epoch', 'durable', 'entries'], rows);
}

function renderJournal(journal: JournalReport | null): string {
  if (journal === null) return '';
  const rows = [
    ['LSN', `${journal.startLsn} to ${journal.endLsn}, durable to ${journal.durableLsn}`],
    ['epoch', String(journal.epoch)],
    ['blocks', String(journal.blocks)],
    ['entries', entriesText(journal.entries)],
    ['ends', journal.isClean ? 'with an orderly shutdown' : 'without an orderly shutdown'],
  ];
  return renderTable(['journal', ''], rows);
}

function renderTopics(topics: readonly TopicReport[]): string {
  if (topics.length === 0) return '';
  const rows = topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partition, id, logStart, logEnd }) =>
      [name, partition, id, logStart, logEnd].map(String),
    ),
  );
  return renderTable(['topic', 'partition', 'id', 'log start', 'log end'], rows);
}

function renderDamage(damage: readonly Damage[]): string {
  if (damage.length === 0) return 'no damage\n';
  const rows = damage.map(({ file, position, end, what }) => [
    `${file} at byte ${position}${end === null ? '' : ` to ${end}`}`,
    what,
  ]);
  return renderTable(['damage', ''], rows);
}

function entriesText(entries: Readonly<Record<string, number>>): string {
  const parts = Object.entries(entries).map(([name, count]) => `${count} ${name}`);
  return parts.length === 0 ? 'none' : parts.join(', ');
}

function timeText(time: number): string {
  return new Date(time).toISOString();
}
