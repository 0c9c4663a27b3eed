/**
 * `polylog start`: a broker as a process.
 *
 * Owns: what is printed, signals, exit codes. Leaves: everything else to app/.
 *
 *     listening kafka://127.0.0.1:9092
 *     ready in 123 ms
 *
 * The first signal lets connections finish, the second ends the process at once; both are safe, for
 * what was acknowledged is on the disk.
 */

import { openLogger } from '../app/open-logger.ts';
import { RunningBroker } from '../app/running-broker.ts';
import type { BrokerError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/ports.ts';
import { exitCode, reportFailure, textOf } from './failure.ts';
import type { GivenFlags } from './option-flags.ts';
import { resolveOptions } from './start-options.ts';

const signals = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;

/** After a fault there is little left to do, and it may hang. */
const faultCloseMs = 1000;

export async function start(flags: GivenFlags): Promise<void> {
  const resolved = await resolveOptions(flags);
  const logger = await openLogger(resolved.config.logLevel);
  const life = new ProcessLife(logger);
  const onStopRequested = (): void => life.stop();
  const running = await RunningBroker.open({ resolved, logger, onStopRequested });
  life.begin(running);
  for (const listener of running.listeners) print(listeningLine(listener));
  print(`ready in ${Math.round(performance.now())} ms`);
}

/** From the first line to the last: signals, faults, mistakes. */
class ProcessLife {
  readonly #logger: Logger;
  #running: RunningBroker | null = null;
  #isEnding = false;

  constructor(logger: Logger) {
    this.#logger = logger;
    for (const [name, number] of Object.entries(signals)) {
      process.on(name, () => this.#onSignal(number));
    }
    process.on('uncaughtException', (error) => this.#onMistake(error));
    process.on('unhandledRejection', (reason) => this.#onMistake(reason));
    // Whoever read our lines may have gone.
    process.stdout.on('error', () => {});
    process.stderr.on('error', () => {});
  }

  begin(running: RunningBroker): void {
    this.#running = running;
    running.onFault((error) => this.#onFault(error));
  }

  stop(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#running?.close().then(
      () => process.exit(exitCode.done),
      (error) => {
        reportFailure(error);
        process.exit(exitCode.fault);
      },
    );
  }

  #onSignal(number: number): void {
    if (this.#running === null || this.#isEnding) process.exit(128 + number);
    this.stop();
  }

  #onFault(error: BrokerError): void {
    this.#isEnding = true;
    process.stderr.write(`polylog: ${textOf(error)}\n`);
    const exit = (): never => process.exit(exitCode.fault);
    setTimeout(exit, faultCloseMs);
    this.#running?.close().then(exit, exit);
  }

  #onMistake(error: unknown): void {
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#logger.error('process.failed', { error: detail });
    process.stderr.write(`polylog: unexpected error: ${String(error).replaceAll('\n', ' ')}\n`);
    process.exit(exitCode.fault);
  }
}

function listeningLine({ url, hasMoved }: RunningBroker['listeners'][number]): string {
  return `listening ${url}${hasMoved ? ' (another program has the default port)' : ''}`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
