/**
 * What can be wrong with consumer groups: nobody reads, nothing moves, or it falls behind.
 *
 * Two looks, a while apart: only then a lag that grows can be told from one that shrinks.
 */

import { BrokerError } from '../kernel/errors.ts';
import { type AdminSession, at } from './admin-session.ts';
import type { Finding } from './finding.ts';
import type { GroupDescription } from './groups-describe.ts';
import type { GroupSummary } from './groups-list.ts';

const groupsMax = 200;
const betweenMs = 2000;

export async function groupFindings(
  session: AdminSession,
  delay: (ms: number) => Promise<void>,
): Promise<Finding[]> {
  const before = await lookAt(session);
  if (before.size === 0) return [];
  await delay(betweenMs);
  const after = await lookAt(session);
  return Array.from(before.values()).flatMap((first) => {
    const second = after.get(first.groupId);
    return second === undefined ? [] : (judge(first, second) ?? []);
  });
}

async function lookAt(session: AdminSession): Promise<Map<string, GroupDescription>> {
  const groups = new Map<string, GroupDescription>();
  for await (const { groupId } of session.pages<GroupSummary>('/v1/groups')) {
    if (groups.size === groupsMax) break;
    try {
      groups.set(groupId, await session.call('GET', at`/v1/groups/${groupId}`));
    } catch (error) {
      const isGone = error instanceof BrokerError && error.code === 'group_not_found';
      if (!isGone) throw error;
    }
  }
  return groups;
}

/** Null: nothing is wrong. */
export function judge(before: GroupDescription, after: GroupDescription): Finding | null {
  const { groupId, members, lag, state } = after;
  const see = `polylog groups describe ${groupId}`;
  if (members.length === 0) {
    if (lag === 0) return null;
    return {
      level: 'warning',
      what: `Group ${groupId} has no members and is ${lag} records behind.`,
      remedy: `Start its consumers. If nobody needs it any more: polylog groups delete ${groupId}.`,
    };
  }
  if (state !== 'Stable' && before.state === state && before.generation === after.generation) {
    return {
      level: 'warning',
      what: `Group ${groupId} has been dividing its work for a while (${state}): its consumers wait.`,
      remedy: `A member does not come back in time; see ${see}, and its max.poll.interval.ms.`,
    };
  }
  if (lag <= before.lag) return null;
  if (committedSum(after) === committedSum(before)) {
    return {
      level: 'warning',
      what: `Group ${groupId} falls behind and commits nothing: ${lag} records, ${lag - before.lag} more than a moment ago.`,
      remedy: `Look at its consumers: they fail, hang, or do not commit. See ${see}.`,
    };
  }
  return {
    level: 'note',
    what: `Group ${groupId} reads more slowly than is published: ${lag} records behind, ${lag - before.lag} more than a moment ago.`,
    remedy: `If that goes on: more consumers, up to one for each partition. See ${see}.`,
  };
}

function committedSum({ offsets }: GroupDescription): number {
  return offsets.reduce((sum, { committed }) => sum + (committed ?? 0), 0);
}
