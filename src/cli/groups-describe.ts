/** `polylog groups describe`: members, offsets, lag. */

import { at, withBroker } from './admin-session.ts';
import { print, printJson } from './output.ts';
import { renderTable, timeText } from './table.ts';

export interface GroupDescription {
  readonly groupId: string;
  readonly state: string;
  readonly protocolType: string;
  readonly protocol: string;
  readonly generation: number;
  readonly members: readonly {
    readonly memberId: string;
    readonly instanceId: string | null;
    readonly clientId: string;
    readonly clientHost: string;
    readonly assignment:
      | readonly { readonly topic: string; readonly partitions: readonly number[] }[]
      | null;
  }[];
  readonly lag: number;
  readonly offsets: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly committed: number | null;
    readonly logStart: number;
    readonly logEnd: number;
    readonly lag: number | null;
    readonly committedAt: number | null;
    readonly metadata: string;
    readonly memberId: string | null;
  }[];
  readonly hasMoreOffsets: boolean;
}

export async function describeGroups(
  dataDir: string,
  ids: readonly string[],
  { json = false }: { readonly json?: boolean },
): Promise<void> {
  const groups = await withBroker(dataDir, async (session) => {
    const found: GroupDescription[] = [];
    for (const id of ids) found.push(await session.call('GET', at`/v1/groups/${id}`));
    return found;
  });
  if (json) return printJson(groups);
  for (const [i, group] of groups.entries()) await print(`${i === 0 ? '' : '\n'}${render(group)}`);
}

function render(group: GroupDescription): string {
  const { groupId, state, protocol, generation, members, lag, hasMoreOffsets } = group;
  const head = [
    `group ${groupId}`,
    `state ${state}`,
    ...(protocol === '' ? [] : [`assignor ${protocol}`, `generation ${generation}`]),
    `members ${members.length}`,
    `lag ${lag}`,
  ];
  const more = hasMoreOffsets ? '… and more partitions\n' : '';
  return `${head.join('  ')}\n${renderOffsets(group)}${more}${renderMembers(group)}`;
}

function renderOffsets({ offsets }: GroupDescription): string {
  if (offsets.length === 0) return 'no offsets\n';
  const numbers = ['partition', 'committed', 'log end', 'lag'];
  const rows = offsets.map((each) => [
    each.topic,
    String(each.partition),
    String(each.committed ?? '-'),
    String(each.logEnd),
    String(each.lag ?? '-'),
    each.committedAt === null ? '-' : timeText(each.committedAt),
    each.memberId ?? '-',
  ]);
  return renderTable(['topic', ...numbers, 'committed at', 'member'], rows, numbers);
}

function renderMembers({ members }: GroupDescription): string {
  if (members.length === 0) return '';
  const rows = members.map(({ memberId, instanceId, clientId, clientHost, assignment }) => [
    memberId,
    instanceId ?? '-',
    clientId,
    clientHost,
    assignment === null
      ? '-'
      : assignment.map(({ topic, partitions }) => `${topic}[${partitions.join(',')}]`).join(' '),
  ]);
  return renderTable(['member', 'instance', 'client', 'host', 'assigned'], rows);
}
