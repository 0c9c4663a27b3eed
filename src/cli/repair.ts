/**
 * `polylog repair`: what is damaged in a data folder, what accepting the loss would mean, and with
 * leave the changes that let a broker start on it.
 *
 * Owns: the lock, what is shown, the exit code: 1 when something is damaged still.
 * Leaves: finding and mending to log/repair.ts.
 *
 * Without `--accept-loss` nothing is changed.
 */

import { Broker, defaultBrokerOptions } from '../broker/index.ts';
import { BrokerError } from '../kernel/errors.ts';
import { DiskError, type Ports } from '../kernel/ports.ts';
import { silentLogger } from '../kernel/silent-logger.ts';
import { DraftDisk } from '../log/draft-disk.ts';
import { type NodeIdentity, readNodeFile } from '../log/node-file.ts';
import { type RepairSurvey, surveyDamage } from '../log/repair.ts';
import { nodeClock } from '../node/clock.ts';
import { lockDataFolder } from '../node/data-folder-lock.ts';
import { NodeDisk } from '../node/disk.ts';
import { NodeRandom } from '../node/random.ts';
import { ReadOnlyDisk } from '../node/read-only-disk.ts';
import { NodeScheduler } from '../node/scheduler.ts';
import { exitCode } from './failure.ts';
import { renderTable } from './table.ts';

export interface RepairOptions {
  readonly dataDir: string;
  readonly acceptsLoss: boolean;
  readonly isJson: boolean;
}

/** What is found, with the names that people know; also the JSON. */
interface RepairReport {
  readonly folder: string;
  readonly isChanged: boolean;
  readonly damage: RepairSurvey['findings'];
  readonly lost: readonly { topic: string; partition: number; first: number; last: number }[];
  readonly raised: readonly { topic: string; partition: number; offset: number }[];
}

export async function repair(options: RepairOptions): Promise<void> {
  const identity = readIdentity(options.dataDir);
  const lock = await lockDataFolder(options.dataDir);
  try {
    const report = await repairFolder(options, identity);
    process.stdout.write(options.isJson ? `${JSON.stringify(report, null, 2)}\n` : render(report));
    if (report.damage.length > 0 && !report.isChanged) process.exitCode = exitCode.failed;
  } finally {
    await lock.release();
  }
}

function readIdentity(dataDir: string): NodeIdentity {
  const disk = new ReadOnlyDisk(dataDir);
  let identity: NodeIdentity | null;
  try {
    identity = readNodeFile(disk);
  } catch (error) {
    if (!(error instanceof BrokerError) || error.code !== 'storage_damaged') throw error;
    const way = 'put back node.json from a backup. This cannot be repaired';
    throw new BrokerError('storage_damaged', `${error.detail}: ${way}`, error);
  }
  if (identity !== null) return identity;
  throw new BrokerError('invalid_option', `${dataDir} is no data folder: no node.json`);
}

async function repairFolder(options: RepairOptions, identity: NodeIdentity): Promise<RepairReport> {
  const { dataDir, acceptsLoss } = options;
  const scheduler = new NodeScheduler();
  const draft = new DraftDisk(new ReadOnlyDisk(dataDir), scheduler);
  const ports: Ports = {
    clock: nodeClock,
    scheduler,
    random: new NodeRandom(),
    disk: draft,
    logger: silentLogger,
    offload: { run: (_task, _input, _parameters, done) => done(new Error('not now'), null) },
  };
  const { storeId, segmentBytes, clusterId } = identity;
  const journalOptions = { durability: 'fsync', segmentBytes, storeId } as const;
  // Never opened: its state is what the entries are applied to.
  const broker = new Broker(ports, { ...defaultBrokerOptions, clusterId }, journalOptions);
  const machine = broker.replayed.state;
  const survey = await new Promise<RepairSurvey>((resolve, reject) =>
    surveyDamage({ ports, draft, options: journalOptions, machine }, (error, found) => {
      if (found === null) reject(error);
      else resolve(found);
    }),
  );
  const isChanged = acceptsLoss && survey.findings.length > 0;
  if (isChanged) await apply(draft, dataDir);
  return describe(broker, survey, dataDir, isChanged);
}

async function apply(draft: DraftDisk, dataDir: string): Promise<void> {
  const disk = new NodeDisk(dataDir);
  try {
    await new Promise<void>((resolve, reject) =>
      draft.apply(disk, (error) => (error === null ? resolve() : reject(error))),
    );
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    throw new BrokerError('storage_failed', `${error.message}; run the command again`, error);
  } finally {
    disk.close();
  }
}

function describe(
  broker: Broker,
  { findings, lost, raised }: RepairSurvey,
  folder: string,
  isChanged: boolean,
): RepairReport {
  const places = new Map<number, { topic: string; partition: number }>();
  for (const topic of broker.topics()) {
    for (const { id, index } of topic.partitions) {
      places.set(id, { topic: topic.name, partition: index });
    }
  }
  // A partition that no topic has is deleted, or lost with its topic.
  const placeOf = (id: number) => places.get(id) ?? { topic: `(no topic) ${id}`, partition: 0 };
  return {
    folder,
    isChanged,
    damage: findings,
    lost: lost.map(({ partition, first, last }) => ({ ...placeOf(partition), first, last })),
    raised: raised
      .filter(([id]) => places.has(id))
      .map(([id, offset]) => ({ ...placeOf(id), offset })),
  };
}

function render({ damage, lost, raised, isChanged }: RepairReport): string {
  if (damage.length === 0) return 'nothing is damaged\n';
  const parts = [
    renderTable(
      ['damage', '', 'what becomes of it'],
      damage.map(({ path, position, what, remedy }) => [
        `${path} at byte ${position}`,
        what,
        remedy,
      ]),
    ),
  ];
  if (lost.length > 0) {
    const rows = lost.map(({ topic, partition, first, last }) =>
      [topic, partition, first, last].map(String),
    );
    parts.push(renderTable(['lost records of', 'partition', 'from offset', 'to offset'], rows));
  }
  if (raised.length > 0) {
    const rows = raised.map(({ topic, partition, offset }) =>
      [topic, partition, offset].map(String),
    );
    parts.push(renderTable(['goes on', 'partition', 'at offset'], rows));
  }
  parts.push(conclusion(damage, isChanged));
  return parts.join('\n');
}

function conclusion(damage: RepairReport['damage'], isChanged: boolean): string {
  const losses = damage.filter(({ isLoss }) => isLoss).length;
  if (isChanged)
    return 'Done: a broker starts on this folder. losses.json says what was accepted.\n';
  const cost =
    losses === 0 ? 'All of it can be mended without loss' : 'It can be mended at this price';
  return `Nothing has been changed. ${cost}: copy the folder first, then run polylog repair --accept-loss\n`;
}
