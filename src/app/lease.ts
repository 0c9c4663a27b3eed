/**
 * A message out with one consumer of a queue, until it is settled or given back.
 */

import type { DeliveredRecord } from '../broker/index.ts';
import { type IncomingMessage, messageOf } from './message.ts';

/** What a lease needs of the consumer that holds it. */
export interface LeaseHolder {
  settle(partition: number, offset: number): Promise<void>;
  release(partition: number, offset: number, isCounted: boolean): Promise<void>;
  extend(partition: number, offset: number, leaseMs: number): void;
}

/**
 * End it with `settle`, `release` or `reject`, once. The promises resolve when that is committed and
 * may be left alone; they reject with `lease_not_found` when the lease was over before: settled,
 * given back, or expired and perhaps with somebody else.
 */
export class Lease {
  readonly message: IncomingMessage;
  /** Which delivery of this message it is, as far as counted: from 1. */
  readonly attempt: number;
  /** It may have been delivered before. */
  readonly isRedelivered: boolean;
  readonly #holder: LeaseHolder;

  constructor(topic: string, record: DeliveredRecord, holder: LeaseHolder) {
    this.message = messageOf(topic, record.partition, record);
    this.attempt = record.attempt;
    this.isRedelivered = record.isRedelivered;
    this.#holder = holder;
  }

  /** Done: the message is not delivered again. */
  settle(): Promise<void> {
    return this.#holder.settle(this.message.partition, this.message.offset);
  }

  /** Gives the message back, to be delivered again, in order. `isCounted`: this was an attempt. */
  release({ isCounted = true }: { readonly isCounted?: boolean } = {}): Promise<void> {
    return this.#holder.release(this.message.partition, this.message.offset, isCounted);
  }

  /**
   * The lease ends `leaseMs` milliseconds from now, whatever was agreed before.
   * @throws BrokerError lease_not_found
   */
  extend(leaseMs: number): void {
    this.#holder.extend(this.message.partition, this.message.offset, leaseMs);
  }
}
