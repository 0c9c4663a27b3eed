/**
 * `createBroker`: a broker inside a program.
 *
 * Owns: the options of an embedding program, and how they become a configuration.
 * Leaves: starting to running-broker.ts, the object it returns to embedded-broker.ts.
 *
 * What a start needs is loaded by the first start, so that importing the package costs little. Only
 * the modules that hold on to the clock and the timers are loaded with it: a test's fake timers,
 * put in place before the first start, must not stop the broker.
 */

import type { PartialConfig } from '../config/options.ts';
import type { BrokerError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/ports.ts';
import '../node/clock.ts';
import '../node/data-folder-lock.ts';
import '../node/http-server.ts';
import '../node/keep-alive.ts';
import '../node/net.ts';
import '../node/scheduler.ts';
import type { EmbeddedBroker } from './embedded-broker.ts';

/** A port, 0 for one that the system chooses; or more about the listener. */
export type ListenerOption =
  | number
  | {
      /** Default 127.0.0.1. Another than loopback needs `allowAnonymous`. */
      readonly host?: string | undefined;
      readonly port: number;
      /** What clients are told to connect to; left out, where they reached us. */
      readonly advertise?: { readonly host: string; readonly port: number } | undefined;
    };

type CoreOptions = Omit<PartialConfig, 'listen' | 'advertise' | 'topicDefault' | 'logLevel'>;

export interface BrokerOptions extends CoreOptions {
  /** By protocol: `{ kafka: 0 }`. Only these are opened; left out, none. */
  readonly listeners?:
    | Readonly<Record<string, ListenerOption | readonly ListenerOption[]>>
    | undefined;
  /** Options of topics that do not set them, by Kafka's names. */
  readonly topicDefaults?: Readonly<Record<string, string | number | boolean>> | undefined;
  /** Least severe events to log, on standard error. Default `silent`. */
  readonly logLevel?: PartialConfig['logLevel'] | undefined;
  /** Gets the events instead of standard error. */
  readonly logger?: Logger | undefined;
  /** Called once if the broker stops serving. Without it a fault is seen by calls failing. */
  readonly onFault?: ((error: BrokerError) => void) | undefined;
}

const defaultHost = '127.0.0.1';

/**
 * Starts a broker in this process. In memory, unless `dataDir` or `storage: 'journal'` is given.
 * Whatever fails, nothing is left behind.
 *
 *     const broker = await createBroker({ listeners: { kafka: 0 } });
 *     const { host, port } = broker.address('kafka');
 *     ...
 *     await broker.close();
 *
 * @throws BrokerError invalid_option, not_loopback, port_in_use, data_folder_locked,
 *   data_folder_newer, data_folder_unwritable, storage_damaged, storage_failed, storage_full
 */
export async function createBroker(options: BrokerOptions = {}): Promise<EmbeddedBroker> {
  const [{ resolveConfig }, { openLogger }, { RunningBroker }, embedded] = await Promise.all([
    import('../config/resolve.ts'),
    import('./open-logger.ts'),
    import('./running-broker.ts'),
    import('./embedded-broker.ts'),
  ]);
  const resolved = resolveConfig([{ source: 'program', values: valuesOf(options) }]);
  const logger = options.logger ?? (await openLogger(resolved.config.logLevel));
  const running = await RunningBroker.open({ resolved, logger, onStopRequested: null });
  if (options.onFault !== undefined) running.onFault(options.onFault);
  return new embedded.EmbeddedBroker(running);
}

/** What `resolveConfig` gets: our own options as those of the command line. */
function valuesOf(options: BrokerOptions): Record<string, unknown> {
  const { listeners = {}, topicDefaults = {}, logger, onFault, ...core } = options;
  const listen: string[] = [];
  const advertise: string[] = [];
  for (const [protocol, given] of Object.entries(listeners)) {
    for (const one of Array.isArray(given) ? given : [given]) {
      const { host = defaultHost, port, advertise: told } = detailsOf(one);
      listen.push(`${protocol}://${bracketed(host)}:${port}`);
      if (told !== undefined) advertise.push(`${protocol}://${bracketed(told.host)}:${told.port}`);
    }
  }
  return {
    ...core,
    storage: core.storage ?? (core.dataDir === undefined ? 'memory' : 'journal'),
    logLevel: core.logLevel ?? 'silent',
    // A program that starts a broker of its own starts its consumers one by one as well.
    groupInitialRebalanceDelayMs: core.groupInitialRebalanceDelayMs ?? 0,
    topicDefault: Object.entries(topicDefaults).map(([name, value]) => `${name}=${value}`),
    listen,
    advertise,
  };
}

function detailsOf(option: ListenerOption): Exclude<ListenerOption, number> {
  return typeof option === 'number' ? { port: option } : option;
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
