/** `polylog topics describe`: partitions with their offsets, and the options in force. */

import { type AdminSession, at, withBroker } from './admin-session.ts';
import { print, printJson } from './output.ts';
import { bytesText, renderTable } from './table.ts';
import { isPattern, matchingTopics } from './topic-names.ts';

export interface DescribeFlags {
  readonly json?: boolean;
  readonly all?: boolean;
}

export interface TopicDescription {
  readonly name: string;
  readonly id: string;
  readonly isInternal: boolean;
  readonly partitions: readonly {
    readonly partition: number;
    readonly logStart: number;
    readonly highWatermark: number;
    readonly bytes: number;
    readonly leaderEpoch: number;
  }[];
  readonly options: readonly {
    readonly name: string;
    readonly value: string;
    readonly source: 'topic' | 'broker' | 'default';
    readonly isActive: boolean;
    readonly text: string;
  }[];
}

export async function describeTopics(
  dataDir: string,
  names: readonly string[],
  { json = false, all = false }: DescribeFlags,
): Promise<void> {
  const topics = await withBroker(dataDir, (session) => describeAll(session, names));
  if (json) return printJson(topics);
  for (const [i, topic] of topics.entries()) {
    await print(`${i === 0 ? '' : '\n'}${render(topic, all)}`);
  }
}

async function describeAll(
  session: AdminSession,
  names: readonly string[],
): Promise<TopicDescription[]> {
  const topics: TopicDescription[] = [];
  for (const name of names) {
    const found = isPattern(name) ? await matchingTopics(session, [name]) : [{ name }];
    for (const each of found) {
      topics.push(await session.call<TopicDescription>('GET', at`/v1/topics/${each.name}`));
    }
  }
  return topics;
}

function render({ name, id, isInternal, partitions, options }: TopicDescription, all: boolean) {
  const head = `topic ${name}  id ${id}  partitions ${partitions.length}${isInternal ? '  internal' : ''}\n`;
  const numbers = ['partition', 'log start', 'high watermark', 'records', 'size'];
  const rows = partitions.map(({ partition, logStart, highWatermark, bytes }) => [
    String(partition),
    String(logStart),
    String(highWatermark),
    String(highWatermark - logStart),
    bytesText(bytes),
  ]);
  const shown = options.filter(({ source, isActive }) => source !== 'default' || (all && isActive));
  const optionRows = shown.map((option) => [
    option.name,
    option.value,
    option.source,
    option.isActive ? option.text : `${option.text} Kept, not acted on.`,
  ]);
  const optionTable = renderTable(['option', 'value', 'from', ''], optionRows);
  return `${head}${renderTable(numbers, rows, numbers)}${shown.length === 0 ? '' : optionTable}`;
}
