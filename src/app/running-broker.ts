/**
 * A running broker: storage, the broker on it, listeners before it.
 *
 * Owns: the order of starting and stopping, undoing a start that failed, what happens on a fault.
 * Leaves: options to config/, the in-process API to embedded-broker.ts, processes and signals to cli/.
 *
 * A fault (a disk that failed, an assertion that did not hold) closes the listeners and everything
 * that waits; the owner is told, and calls `close` for the rest. Nothing here ends the process.
 */

import type { Broker } from '../broker/index.ts';
import type { Config } from '../config/options.ts';
import type { Resolved } from '../config/resolve.ts';
import { BrokerError } from '../kernel/errors.ts';
import type { Logger, NetAddress, Scheduler } from '../kernel/ports.ts';
import type { RecoveryReport } from '../log/recovery.ts';
import { nodeClock } from '../node/clock.ts';
import { protocolModules } from '../protocols/index.ts';
import type { OpenListener } from '../server/index.ts';
import { adminHandler } from './admin.ts';
import {
  type BrokerParts,
  closeParts,
  closeServer,
  openBroker,
  openParts,
} from './broker-parts.ts';
import { type WantedListener, wantedListeners } from './listeners.ts';

export interface RunningOptions {
  readonly resolved: Resolved;
  readonly logger: Logger;
  /** Somebody asks over the data folder's socket that the broker stop; null: they may not. */
  readonly onStopRequested: (() => void) | null;
}

export class RunningBroker {
  readonly broker: Broker;
  readonly config: Config;
  readonly logger: Logger;
  readonly recovery: RecoveryReport;
  readonly startedAt: number;
  readonly #parts: BrokerParts;
  readonly #listeners: OpenListener[] = [];
  #fault: BrokerError | null = null;
  readonly #faultListeners: ((error: BrokerError) => void)[] = [];
  #closing: Promise<void> | null = null;

  private constructor(parts: BrokerParts, recovery: RecoveryReport, logger: Logger) {
    this.broker = parts.broker;
    this.config = parts.config;
    this.logger = logger;
    this.recovery = recovery;
    this.startedAt = nodeClock.now();
    this.#parts = parts;
    this.broker.onFault((error) => this.#onFault(error));
    parts.failures.listen((error) => this.#onFailure(error));
  }

  /**
   * Starts everything, or nothing.
   * @throws BrokerError of storage, of options, port_in_use, not_loopback
   */
  static async open({ resolved, logger, onStopRequested }: RunningOptions): Promise<RunningBroker> {
    const wanted = wantedListeners(resolved, protocolModules);
    const parts = await openParts(resolved, logger);
    const recovery = await openBroker(parts);
    const running = new RunningBroker(parts, recovery, logger);
    try {
      for (const listener of wanted) await running.#listen(listener);
    } catch (error) {
      // What stopped the start is what the caller has to hear, not what stopped the undoing.
      await running.close(0).catch(() => {});
      throw error;
    }
    parts.storage.serve(() =>
      adminHandler(running, {
        clock: nodeClock,
        scheduler: parts.scheduler,
        stop: onStopRequested,
        onMistake: parts.failures.report,
      }),
    );
    return running;
  }

  get listeners(): readonly OpenListener[] {
    return this.#listeners;
  }

  get connectionCount(): number {
    return this.#parts.server.connectionCount;
  }

  /** Why it stopped serving, or null. */
  get fault(): BrokerError | null {
    return this.#fault;
  }

  get isClosing(): boolean {
    return this.#closing !== null;
  }

  /** Not guarded: what runs here belongs to the embedding program. */
  get scheduler(): Scheduler {
    return this.#parts.scheduler;
  }

  /** Where clients of `protocol` connect, by the order of its listeners; null when there is none. */
  address(protocol: string, index = 0): NetAddress | null {
    return this.#listeners.filter(({ name }) => name === protocol)[index]?.address ?? null;
  }

  /** Called once, in a turn of its own, when the broker has stopped serving. */
  onFault(listener: (error: BrokerError) => void): void {
    this.#faultListeners.push(listener);
    if (this.#fault !== null) this.#announce(listener, this.#fault);
  }

  /**
   * Lets connections finish for at most `drainMs`, commits what is open, gives everything back.
   * Idempotent: later calls wait for the first. Rejects when the last commit failed; everything is
   * given back all the same.
   */
  close(drainMs = this.config.drainMs): Promise<void> {
    this.#closing ??= this.#close(this.#fault === null ? drainMs : 0);
    return this.#closing;
  }

  async #close(drainMs: number): Promise<void> {
    await closeServer(this.#parts.server, drainMs);
    const failure = await closeParts(this.#parts);
    if (failure !== null && this.#fault === null) throw failure;
  }

  #listen({ protocol, host, port, isFixed, advertised }: WantedListener): Promise<void> {
    const { server } = this.#parts;
    const request = {
      name: protocol,
      protocol: this.#parts.protocolOf(protocol),
      host,
      port,
      isFixed,
      advertised,
    };
    return new Promise((resolve, reject) => {
      server.listen(request, (error, listener) => {
        if (listener === null) return reject(error);
        this.#listeners.push(listener);
        resolve();
      });
    });
  }

  /** The broker was fenced: by its disk, or by `#onFailure`. */
  #onFault(error: BrokerError): void {
    if (this.#fault !== null) return;
    this.#fault = error;
    this.logger.error('broker.fenced', { error: error.message });
    this.#parts.server.close(0, () => {});
    for (const listener of this.#faultListeners) this.#announce(listener, error);
  }

  /** Our own mistake: this instance does nothing any more. */
  #onFailure(error: unknown): void {
    if (this.#parts.guard.isStopped) return;
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.logger.error('broker.assertion_failed', { error: detail });
    const fault = new BrokerError('fenced', String(error), error);
    try {
      this.broker.fence(fault);
    } catch (second) {
      this.logger.error('broker.fence_failed', { error: String(second) });
    }
    this.#parts.guard.stop();
    this.#onFault(fault);
  }

  #announce(listener: (error: BrokerError) => void, error: BrokerError): void {
    this.#parts.scheduler.nextSlice(() => listener(error));
  }
}
