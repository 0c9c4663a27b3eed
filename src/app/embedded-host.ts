/**
 * What topics and queues of the in-process API share: the broker while it runs, and whatever has to
 * end when it closes.
 *
 * Owns: refusing calls after the end, waiting for commits, the list of open iterators.
 */

import type { Broker } from '../broker/index.ts';
import { BrokerError } from '../kernel/errors.ts';
import type { Logger, Scheduler } from '../kernel/ports.ts';
import { KeepAlive } from '../node/keep-alive.ts';
import { type OutgoingMessage, type PublishedMessage, recordOf } from './message.ts';
import type { RunningBroker } from './running-broker.ts';

/** Something that waits for messages. */
interface Open {
  /** `failure`: the broker's fault, or null for an orderly end. */
  end(failure: unknown): void;
}

export interface LiveParts {
  readonly broker: Broker;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
}

export class EmbeddedHost {
  readonly #running: RunningBroker;
  readonly #open = new Set<Open>();
  /** While somebody waits for messages: a lease may end, a retry may be due. */
  readonly #keepAlive = new KeepAlive();
  #isClosed = false;

  constructor(running: RunningBroker) {
    this.#running = running;
    running.onFault((error) => this.#endAll(error));
  }

  /** @throws BrokerError draining: it was closed; what fenced it */
  running(): LiveParts {
    const { fault, broker, scheduler, logger } = this.#running;
    if (fault !== null) throw fault;
    if (this.#isClosed) throw new BrokerError('draining', 'the broker was closed');
    return { broker, scheduler, logger };
  }

  /** Resolves when the entry at `lsn` is committed; rejects when it never will be. */
  committed(lsn: number): Promise<void> {
    return new Promise((resolve, reject) =>
      this.#running.broker.commits.when(lsn, (error) =>
        error === null ? resolve() : reject(error),
      ),
    );
  }

  async publish(topic: string, message: OutgoingMessage): Promise<PublishedMessage> {
    const { broker } = this.running();
    const request = { topic, ...recordOf(message) };
    return new Promise((resolve, reject) =>
      broker.publish(request, (error, published) => {
        if (published === null) return reject(error);
        const { partition, offset, timestamp } = published;
        resolve({ partition, offset, timestamp });
      }),
    );
  }

  /** Makes something that ends with the broker, at the latest. */
  own<T extends Open>(make: (forget: (one: T) => void) => T): T {
    let isOver = false;
    const one = make((ended) => {
      isOver = true;
      this.#forget(ended);
    });
    // It may have ended while it was made.
    if (isOver) return one;
    this.#open.add(one);
    this.#keepAlive.hold();
    return one;
  }

  /** No more calls; everything that waits for messages ends. */
  close(): void {
    this.#isClosed = true;
    this.#endAll(null);
  }

  #forget(one: Open): void {
    this.#open.delete(one);
    if (this.#open.size === 0) this.#keepAlive.release();
  }

  #endAll(failure: BrokerError | null): void {
    for (const one of [...this.#open]) one.end(failure);
  }
}
