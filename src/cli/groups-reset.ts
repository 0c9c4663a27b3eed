/**
 * `polylog groups reset`: where a group goes on reading. Without `--execute` it is only shown, as
 * with Kafka's own tool.
 */

import { at, withBroker } from './admin-session.ts';
import { wholeNumber } from './assignments.ts';
import { CommandFailure, exitCode } from './failure.ts';
import { note, print, printJson } from './output.ts';
import { type Place, parseAge, parseTime } from './place.ts';
import { renderTable } from './table.ts';

export interface ResetFlags {
  readonly topic?: readonly string[];
  readonly allTopics?: boolean;
  readonly toEarliest?: boolean;
  readonly toLatest?: boolean;
  readonly toOffset?: string;
  readonly toDatetime?: string;
  readonly byDuration?: string;
  readonly shiftBy?: string;
  readonly dryRun?: boolean;
  readonly execute?: boolean;
  readonly json?: boolean;
}

interface Moved {
  readonly dryRun: boolean;
  readonly offsets: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly before: number | null;
    readonly after: number;
    readonly isClamped: boolean;
  }[];
}

type Target = Place | { readonly shiftBy: number };

export async function resetGroup(dataDir: string, id: string, flags: ResetFlags): Promise<void> {
  const { execute = false, dryRun = false, json = false } = flags;
  if (execute && dryRun) fail('--execute or --dry-run, not both');
  const topics = topicsOf(flags);
  const body = {
    to: targetOf(flags),
    dryRun: !execute,
    ...(topics === null ? {} : { topics }),
  };
  const moved = await withBroker(dataDir, (session) =>
    session.call<Moved>('POST', at`/v1/groups/${id}/offsets/reset`, { body }),
  );
  if (json) return printJson(moved);
  const numbers = ['partition', 'offset', 'new offset'];
  const rows = moved.offsets.map(({ topic, partition, before, after, isClamped }) => [
    topic,
    String(partition),
    String(before ?? '-'),
    String(after),
    isClamped ? 'as near as there are records' : '',
  ]);
  await print(renderTable(['topic', ...numbers, ''], rows, numbers));
  if (!execute) note('polylog: nothing was changed; --execute does it');
}

function topicsOf({ topic = [], allTopics = false }: ResetFlags) {
  if (topic.length > 0 && allTopics) fail('--topic or --all-topics, not both');
  if (allTopics) return null;
  if (topic.length === 0) fail('--topic or --all-topics is missing');
  return topic.map((text) => {
    const [name = '', partitions] = text.split(':');
    if (partitions === undefined) return { topic: name };
    const indexes = partitions.split(',').map((each) => wholeNumber('--topic', each, { min: 0 }));
    return { topic: name, partitions: indexes };
  });
}

function targetOf(flags: ResetFlags): Target {
  const { toEarliest, toLatest, toOffset, toDatetime, byDuration, shiftBy } = flags;
  const targets: Target[] = [];
  if (toEarliest === true) targets.push('earliest');
  if (toLatest === true) targets.push('latest');
  if (toOffset !== undefined) targets.push(wholeNumber('--to-offset', toOffset, { min: 0 }));
  if (toDatetime !== undefined) targets.push({ time: parseTime('--to-datetime', toDatetime) });
  if (byDuration !== undefined) {
    targets.push({ time: Math.max(0, Date.now() - parseAge('--by-duration', byDuration)) });
  }
  if (shiftBy !== undefined) {
    const min = Number.MIN_SAFE_INTEGER;
    targets.push({ shiftBy: wholeNumber('--shift-by', shiftBy, { min }) });
  }
  const [target] = targets;
  if (target === undefined || targets.length > 1) {
    fail(
      'one of --to-earliest, --to-latest, --to-offset, --to-datetime, --by-duration and --shift-by is expected',
    );
  }
  return target;
}

function fail(line: string): never {
  throw new CommandFailure(line, exitCode.usage);
}
