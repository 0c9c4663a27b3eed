/**
 * What can be wrong with a data folder: its place, its rights, its socket, its files.
 */

import { BrokerError } from '../kernel/errors.ts';
import { DiskError } from '../kernel/ports.ts';
import { readNodeFile } from '../log/node-file.ts';
import { AdminClient } from '../node/admin-client.ts';
import { folderFacts } from '../node/folder-facts.ts';
import { diskFacts } from '../node/process-facts.ts';
import { ReadOnlyDisk } from '../node/read-only-disk.ts';
import { systemCode } from '../node/system-error.ts';
import { textOf } from './failure.ts';
import type { Finding } from './finding.ts';
import { inspectFolder } from './inspect.ts';
import type { Damage } from './inspect-report.ts';
import { Progress } from './progress.ts';
import { bytesText, timeText } from './table.ts';

/** More is only read when it is asked for. */
const quickBytes = 2 * 1024 ** 3;
const damagesShown = 10;
/** A start needs about that much. */
const startBytes = 512 * 1024 ** 2;
const clockToleranceMs = 60_000;

interface Connection {
  readonly client: AdminClient | null;
  /** Why there is none. */
  readonly finding: Finding | null;
}

export async function connectForDoctor(dataDir: string): Promise<Connection> {
  try {
    return { client: await AdminClient.connect(dataDir), finding: null };
  } catch (error) {
    return { client: null, finding: silenceFinding(dataDir, systemCode(error)) };
  }
}

function silenceFinding(dataDir: string, code: string | null): Finding {
  const start = `Start it: polylog start --data-dir ${dataDir}`;
  if (code === 'ECONNREFUSED') {
    return {
      level: 'error',
      what: 'No broker is running here, but its socket is left: the last one was killed, or the machine went down.',
      remedy: `${start}. The start takes the socket over; what was acknowledged is there.`,
    };
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return {
      level: 'error',
      what: 'This user may not connect to the socket of the broker.',
      remedy: 'Ask as the user that the broker runs as.',
    };
  }
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return { level: 'error', what: 'No broker is running here.', remedy: `${start}.` };
  }
  return {
    level: 'error',
    what: `The socket of the broker takes no connection (${code ?? 'unknown reason'}).`,
    remedy:
      'If a broker is running it is overloaded or stuck: look at its log, end it with kill -9.',
  };
}

export function folderFindings(dataDir: string, isRunning: boolean): Finding[] {
  const facts = folderFacts(dataDir);
  const choose = 'or name another one with --data-dir';
  if (facts.kind === 'missing') {
    return [
      {
        level: 'error',
        what: 'There is no such folder: no broker was ever started on it.',
        remedy: `Start one: polylog start --data-dir ${dataDir}, ${choose}.`,
      },
    ];
  }
  if (facts.kind !== 'folder') {
    const why = facts.kind === 'other' ? 'is no folder' : 'cannot be read by this user';
    return [{ level: 'error', what: `${dataDir} ${why}.`, remedy: `Change that, ${choose}.` }];
  }
  const findings: Finding[] = [];
  if (!facts.isWritable && !isRunning) {
    findings.push({
      level: 'error',
      what: 'This user may not write in the data folder; a broker could not start.',
      remedy: `Start the broker as the owner of the folder, or give it to this user, ${choose}.`,
    });
  }
  findings.push(...identityFindings(dataDir, facts.names));
  if (facts.changedAt > Date.now() + clockToleranceMs) {
    findings.push({
      level: 'warning',
      what: `Files here are of ${timeText(facts.changedAt)}, but it is ${timeText(Date.now())}: the clock has been set back.`,
      remedy: 'Set the clock by NTP: retention by time waits until it has caught up.',
    });
  }
  const disk = isRunning ? null : diskFacts(dataDir);
  if (disk !== null && disk.freeBytes < startBytes) {
    findings.push({
      level: 'error',
      what: `The disk is nearly full: ${bytesText(disk.freeBytes)} are free. A start may be refused.`,
      remedy: 'Free space on this disk.',
    });
  }
  return findings;
}

function identityFindings(dataDir: string, names: readonly string[]): Finding[] {
  try {
    if (readNodeFile(new ReadOnlyDisk(dataDir)) !== null) return [];
  } catch (error) {
    if (error instanceof DiskError) {
      return [{ level: 'error', what: `${error.message}.`, remedy: 'Look at the disk.' }];
    }
    if (!(error instanceof BrokerError)) throw error;
    const remedy =
      error.code === 'data_folder_newer'
        ? 'Start the version that wrote it, or one that is newer.'
        : 'Put back node.json from a backup.';
    return [{ level: 'error', what: `${textOf(error)}.`, remedy }];
  }
  const used = names.find((name) => /^(segments|checkpoints|manifest-\d+)$/.test(name));
  if (used === undefined) {
    return [
      {
        level: 'note',
        what: 'No broker has been started on this folder yet.',
        remedy: `Start one: polylog start --data-dir ${dataDir}.`,
      },
    ];
  }
  return [
    {
      level: 'error',
      what: `node.json is missing, though there is ${used}: the folder is not whole.`,
      remedy: 'Put back the whole folder from a backup.',
    },
  ];
}

/** Reads and checks what is stored. */
export async function filesFindings(dataDir: string, isDeep: boolean): Promise<Finding[]> {
  const { kind, bytes, names } = folderFacts(dataDir);
  if (kind !== 'folder' || !names.includes('node.json')) return [];
  if (bytes > quickBytes && !isDeep) {
    return [
      {
        level: 'note',
        what: `The ${bytesText(bytes)} of files were not read.`,
        remedy: 'polylog doctor --deep reads and checks them, and changes nothing.',
      },
    ];
  }
  const progress = new Progress();
  progress.show(() => `reading ${bytesText(bytes)} …`);
  try {
    const { damage } = await inspectFolder({ dataDir, withBlocks: false });
    return damageFindings(damage);
  } catch (error) {
    // What was wrong with its identity is known already.
    if (error instanceof BrokerError) return [];
    throw error;
  } finally {
    progress.end();
  }
}

function damageFindings(damage: readonly Damage[]): Finding[] {
  const findings: Finding[] = damage.slice(0, damagesShown).map(({ file, position, what }) => ({
    level: 'error',
    what: `${file} is damaged at byte ${position}: ${what}.`,
    remedy:
      'Look at the disk (smartctl, dmesg). Stop the broker: polylog repair says what is lost, and can go on without it.',
  }));
  if (damage.length > damagesShown) {
    findings.push({
      level: 'error',
      what: `${damage.length - damagesShown} more places are damaged.`,
      remedy: 'polylog inspect shows all of them.',
    });
  }
  return findings;
}
