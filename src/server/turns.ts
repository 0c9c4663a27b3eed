/**
 * When connections act that did not just read: at the end of a tick, after a commit, when a
 * congested broker recovers.
 *
 * Owns: the lists of connections that are due, one task per tick for all of them.
 * Leaves: what they then do to connection.ts.
 *
 * In a tick connections first receive what was held back, then flush: an answer made in the first
 * part leaves in the second, with those made by reads and by commits, in one write.
 */

import type { Scheduler, Timer } from '../kernel/ports.ts';
import type { ServedBroker } from '../protocols/contract.ts';
import { flushBytesMax, flushBytesMin, reliefMs, turnBytesMax } from './limits.ts';

/** A connection, as far as turns concern it. */
export interface TurnTaker {
  readonly isCommitDue: boolean;
  receiveBuffered(): void;
  /** Sends about `share` bytes of what may leave, and comes again for the rest. */
  flush(share: number): void;
}

export class Turns {
  private readonly scheduler: Scheduler;
  private readonly broker: ServedBroker;
  private readonly stopListening: () => void;
  private receivers = new Set<TurnTaker>();
  private flushers = new Set<TurnTaker>();
  private spareReceivers = new Set<TurnTaker>();
  private spareFlushers = new Set<TurnTaker>();
  private readonly committers = new Set<TurnTaker>();
  private readonly congested = new Set<TurnTaker>();
  private reliefTimer: Timer | null = null;
  private isScheduled = false;
  private readonly runTurn = (): void => this.run();

  constructor(scheduler: Scheduler, broker: ServedBroker) {
    this.scheduler = scheduler;
    this.broker = broker;
    this.stopListening = broker.commits.onCommit(() => this.onCommit());
  }

  wantReceive(taker: TurnTaker): void {
    this.receivers.add(taker);
    this.schedule();
  }

  // HOT: once per answer.
  wantFlush(taker: TurnTaker): void {
    this.flushers.add(taker);
    this.schedule();
  }

  /** `taker` flushes once its `isCommitDue`. */
  wantCommit(taker: TurnTaker): void {
    this.committers.add(taker);
  }

  /** `taker` receives once the broker is not congested. */
  wantRelief(taker: TurnTaker): void {
    this.congested.add(taker);
    this.reliefTimer ??= this.scheduler.after(reliefMs, () => this.onReliefTimer());
  }

  forget(taker: TurnTaker): void {
    this.receivers.delete(taker);
    this.flushers.delete(taker);
    this.committers.delete(taker);
    this.congested.delete(taker);
  }

  close(): void {
    this.stopListening();
    this.reliefTimer?.cancel();
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    this.scheduler.endOfTick(this.runTurn);
  }

  private run(): void {
    // Still scheduled, so that what the receivers answer does not ask for another tick.
    const receivers = this.receivers;
    this.receivers = this.spareReceivers;
    for (const taker of receivers) taker.receiveBuffered();
    receivers.clear();
    this.spareReceivers = receivers;

    const flushers = this.flushers;
    this.flushers = this.spareFlushers;
    this.isScheduled = false;
    if (this.receivers.size > 0) this.schedule();
    const share = Math.max(flushBytesMin, Math.min(flushBytesMax, turnBytesMax / flushers.size));
    for (const taker of flushers) taker.flush(share);
    flushers.clear();
    this.spareFlushers = flushers;
  }

  private onCommit(): void {
    for (const taker of this.committers) {
      if (!taker.isCommitDue) continue;
      this.committers.delete(taker);
      this.wantFlush(taker);
    }
    if (this.congested.size > 0) this.maybeRelieve();
  }

  /** A broker can also recover without a commit: when new segments are ready. */
  private onReliefTimer(): void {
    this.reliefTimer = null;
    this.maybeRelieve();
    if (this.congested.size > 0) {
      this.reliefTimer = this.scheduler.after(reliefMs, () => this.onReliefTimer());
    }
  }

  private maybeRelieve(): void {
    if (this.broker.isCongested) return;
    for (const taker of this.congested) this.wantReceive(taker);
    this.congested.clear();
  }
}
