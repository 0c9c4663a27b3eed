/**
 * Syncing: every member of a new generation asks for its share, the leader says what each gets.
 *
 * Owns: who may ask, and who waits. Leaves: dividing the work to the leader's client, journalling
 * it and telling those who wait to rebalancer.ts.
 */

import type { BrokerErrorCode } from '../../kernel/errors.ts';
import type { SyncOutcome, SyncRequest } from './group-messages.ts';
import type { LiveGroup } from './live-group.ts';
import type { LiveMember } from './live-member.ts';
import { failedSync, synced } from './outcomes.ts';
import type { Rebalancer } from './rebalancer.ts';
import type { AnswerOutbox, WaitingAnswer } from './waiting-answer.ts';

export class SyncDesk {
  private readonly rebalancer: Rebalancer;
  private readonly outbox: AnswerOutbox;

  constructor(rebalancer: Rebalancer, outbox: AnswerOutbox) {
    this.rebalancer = rebalancer;
    this.outbox = outbox;
  }

  sync(live: LiveGroup, request: SyncRequest, waiting: WaitingAnswer<SyncOutcome>): void {
    const member = findSyncing(live, request);
    if (typeof member === 'string') {
      return this.outbox.answer(waiting, failedSync(member, live.group.lastLsn));
    }
    this.rebalancer.noteSync(live, member);
    if (live.state === 'Stable') return this.outbox.answer(waiting, synced(live, member));
    // Asked twice, on two connections perhaps: the later one is the one that listens.
    this.rebalancer.fail(live, member, 'rebalance_in_progress');
    member.sync = waiting;
    if (live.leader === member.memberId) this.rebalancer.assign(live, request.assignments);
  }
}

/** The member that asks, or why it gets nothing. */
function findSyncing(live: LiveGroup, request: SyncRequest): LiveMember | BrokerErrorCode {
  const { memberId, instanceId, generation, protocolType, protocol } = request;
  const member = live.findMember(memberId, instanceId);
  if (typeof member === 'string') return member;
  if (generation !== live.generation) return 'stale_generation';
  const isOtherType = protocolType !== null && protocolType !== live.protocolType;
  // Until members have agreed there is nothing to contradict.
  const isOther = protocol !== null && live.protocol !== '' && protocol !== live.protocol;
  if (isOtherType || isOther) return 'inconsistent_protocol';
  return live.state === 'PreparingRebalance' ? 'rebalance_in_progress' : member;
}
