/**
 * Consuming a queue with a function: each message to one call, settled when that has returned.
 *
 * Owns: settling after success, giving back after failure, waiting for calls under way at the end.
 */

import type { BrokerError } from '../kernel/errors.ts';
import type { Logger, Scheduler } from '../kernel/ports.ts';
import type { Lease } from './lease.ts';
import type { IncomingMessage } from './message.ts';
import type { QueueSubscription } from './queue-subscription.ts';

/** Its promise settles the message; when it rejects or throws, the message comes again. */
export type QueueHandler = (message: IncomingMessage, lease: Lease) => void | Promise<void>;

export interface HandlerOptions {
  /** A message whose handler failed comes again after this. Milliseconds; default 100. */
  readonly retryDelayMs?: number | undefined;
  /** Gets what the handler threw. Left out, it is logged as a warning. */
  readonly onError?: ((error: unknown, lease: Lease) => void) | undefined;
}

/** A running consumer. */
export interface QueueWorker {
  /** No more messages; resolves when the calls under way have ended. Idempotent. */
  close(): Promise<void>;
  /** Resolves when it has ended: closed, queue deleted, broker closed. Rejects with the broker's fault. */
  readonly ended: Promise<void>;
}

const defaultRetryDelayMs = 100;

interface HandlerParts {
  readonly scheduler: Scheduler;
  readonly logger: Logger;
}

export class HandlerLoop implements QueueWorker {
  readonly ended: Promise<void>;
  readonly #subscription: QueueSubscription;
  readonly #parts: HandlerParts;
  readonly #handler: QueueHandler;
  readonly #options: HandlerOptions;
  readonly #calls = new Set<Promise<void>>();
  #isClosing = false;

  constructor(
    subscription: QueueSubscription,
    parts: HandlerParts,
    handler: QueueHandler,
    options: HandlerOptions,
  ) {
    this.#subscription = subscription;
    this.#parts = parts;
    this.#handler = handler;
    this.#options = options;
    this.ended = this.#run();
    this.ended.catch((error: BrokerError) =>
      parts.logger.warn('queue.consumer_failed', { error: error.message }),
    );
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    this.#subscription.pause();
    await Promise.all(this.#calls);
    this.#subscription.end();
    await this.ended;
  }

  async #run(): Promise<void> {
    for await (const lease of this.#subscription) {
      if (this.#isClosing) {
        void lease.release({ isCounted: false });
        continue;
      }
      const call = this.#handle(lease);
      this.#calls.add(call);
      void call.finally(() => this.#calls.delete(call));
    }
    await Promise.all(this.#calls);
  }

  /** Never rejects. */
  async #handle(lease: Lease): Promise<void> {
    try {
      await this.#handler(lease.message, lease);
    } catch (error) {
      this.#report(error, lease);
      const delayMs = this.#options.retryDelayMs ?? defaultRetryDelayMs;
      this.#parts.scheduler.after(delayMs, () => void lease.release());
      return;
    }
    // The handler may have ended the lease itself: then this says so to nobody.
    void lease.settle();
  }

  #report(error: unknown, lease: Lease): void {
    if (this.#options.onError !== undefined) return this.#options.onError(error, lease);
    const { topic, partition, offset } = lease.message;
    this.#parts.logger.warn('queue.handler_failed', {
      ...{ topic, partition, offset, attempt: lease.attempt },
      error: String(error),
    });
  }
}
