/** `polylog status`: what a running broker says of itself. */

import { type AdminSession, withBroker } from './admin-session.ts';
import { print, printJson } from './output.ts';
import { bytesText, durationText, renderTable, timeText } from './table.ts';

export interface Status {
  readonly version: string;
  readonly pid: number;
  readonly node: string;
  readonly startedAt: number;
  readonly uptimeMs: number;
  readonly storage: string;
  readonly durability: string;
  readonly clusterId: string;
  readonly listeners: readonly string[];
  readonly connections: number;
  readonly topics: number;
  readonly storageFull: boolean;
  readonly fault: string | null;
}

export interface Usage {
  readonly segments: number;
  readonly archiveSegments: number;
  readonly freeSegments: number;
  readonly segmentBytes: number;
  readonly liveBytes: number;
  readonly partitions: number;
  readonly disk: { readonly freeBytes: number; readonly totalBytes: number } | null;
}

export async function showStatus(dataDir: string, isJson: boolean): Promise<void> {
  const [status, usage] = await withBroker(dataDir, askStatus);
  if (isJson) return printJson({ ...status, usage });
  await print(renderTable(['broker', ''], rowsOf(status, usage)));
}

async function askStatus(session: AdminSession): Promise<[Status, Usage]> {
  return [
    await session.call<Status>('GET', '/v1/broker'),
    await session.call<Usage>('GET', '/v1/broker/usage'),
  ];
}

function rowsOf(status: Status, usage: Usage): string[][] {
  const { segments, archiveSegments, freeSegments, segmentBytes, disk } = usage;
  return [
    ['state', stateOf(status)],
    ['listeners', status.listeners.join(' ') || 'none'],
    ['connections', String(status.connections)],
    ['topics', `${status.topics}, ${usage.partitions} partitions`],
    ['storage', `${status.storage}, durability ${status.durability}`],
    ['records', bytesText(usage.liveBytes)],
    [
      'segments',
      `${segments + archiveSegments} of ${bytesText(segmentBytes)}, ${freeSegments} free`,
    ],
    [
      'disk',
      disk === null ? 'none' : `${bytesText(disk.freeBytes)} free of ${bytesText(disk.totalBytes)}`,
    ],
    ['since', `${timeText(status.startedAt)} (${durationText(status.uptimeMs)})`],
    ['process', `${status.pid}, Node ${status.node}`],
    ['version', status.version],
    ['cluster', status.clusterId],
  ];
}

function stateOf({ fault, storageFull }: Status): string {
  if (fault !== null) return `stopped serving: ${fault}`;
  return storageFull ? 'serving; the disk is full, nothing can be published' : 'serving';
}
