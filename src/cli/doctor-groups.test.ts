import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge } from './doctor-groups.ts';
import type { GroupDescription } from './groups-describe.ts';

function group(committed: number, logEnd: number, more: Partial<GroupDescription> = {}) {
  const member = { memberId: 'm', instanceId: null, clientId: 'c', clientHost: 'h' };
  return {
    ...{ groupId: 'g', state: 'Stable', protocolType: 'consumer', protocol: 'range' },
    ...{ generation: 1, members: [{ ...member, assignment: null }], hasMoreOffsets: false },
    lag: logEnd - committed,
    offsets: [
      {
        ...{ topic: 't', partition: 0, committed, logStart: 0, logEnd, lag: logEnd - committed },
        ...{ committedAt: 1, metadata: '', memberId: 'm' },
      },
    ],
    ...more,
  };
}

const verdict = (before: GroupDescription, after: GroupDescription): string => {
  const finding = judge(before, after);
  return finding === null ? 'fine' : `${finding.level}: ${finding.what}`;
};

test('a group that keeps up, or catches up, is fine', () => {
  assert.equal(verdict(group(5, 5), group(9, 9)), 'fine');
  assert.equal(verdict(group(5, 90), group(20, 95)), 'fine');
  assert.equal(verdict(group(5, 5, { members: [] }), group(5, 5, { members: [] })), 'fine');
});

test('nobody who reads, nobody who commits, and too slow are told apart', () => {
  const lonely = group(5, 9, { members: [], state: 'Empty' });
  assert.match(verdict(lonely, lonely), /^warning: .* has no members and is 4 records behind/);
  assert.match(verdict(group(5, 9), group(5, 19)), /^warning: .* commits nothing: 14 records, 10/);
  assert.match(verdict(group(5, 9), group(6, 19)), /^note: .* more slowly than is published/);
});

test('a group that does not end dividing its work is noticed', () => {
  const busy = { state: 'PreparingRebalance' };
  assert.match(
    verdict(group(5, 9, busy), group(5, 9, busy)),
    /^warning: .* \(PreparingRebalance\)/,
  );
  assert.equal(verdict(group(5, 5, busy), group(5, 5, { ...busy, generation: 2 })), 'fine');
});
