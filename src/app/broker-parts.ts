/**
 * The parts of a broker on this machine, put together.
 *
 * Owns: which port is real and which is guarded, options to parts, letting all parts go.
 * Leaves: listeners, faults and the life of the whole to running-broker.ts.
 */

import { resolve } from 'node:path';
import { Broker, defaultBrokerOptions } from '../broker/index.ts';
import type { Config } from '../config/options.ts';
import type { Resolved } from '../config/resolve.ts';
import { BrokerError } from '../kernel/errors.ts';
import type { Logger, Ports } from '../kernel/ports.ts';
import type { RecoveryReport } from '../log/recovery.ts';
import { nodeClock } from '../node/clock.ts';
import { NodeNet } from '../node/net.ts';
import { NodeOffload } from '../node/offload.ts';
import { openFilesLimit } from '../node/open-files.ts';
import { NodeRandom } from '../node/random.ts';
import { NodeScheduler } from '../node/scheduler.ts';
import type { Protocol } from '../protocols/contract.ts';
import { protocolModules } from '../protocols/index.ts';
import { defaultServerLimits, Server, type ServerLimits } from '../server/index.ts';
import { Guard, GuardedDisk, GuardedOffload, GuardedScheduler } from './guard.ts';
import { offloadTasks } from './offload-tasks.ts';
import { openStorage, type Storage } from './storage.ts';

/** What guards and the server have caught: our own mistakes. Only the first one counts. */
export class Failures {
  #first: { readonly error: unknown } | null = null;
  #listener: ((error: unknown) => void) | null = null;

  readonly report = (error: unknown): void => {
    if (this.#first !== null) return;
    this.#first = { error };
    this.#listener?.(error);
  };

  /** Hears of the first one, also of one that was there before. Replaces the listener before. */
  listen(listener: (error: unknown) => void): void {
    this.#listener = listener;
    if (this.#first !== null) listener(this.#first.error);
  }
}

export interface BrokerParts {
  readonly config: Config;
  readonly storage: Storage;
  readonly broker: Broker;
  readonly server: Server;
  readonly offload: NodeOffload;
  /** Not guarded. */
  readonly scheduler: NodeScheduler;
  /** Of everything that the broker and the protocols call back. */
  readonly guard: Guard;
  readonly failures: Failures;
  protocolOf(name: string): Protocol;
}

/** The segments of a broker in memory, where the option says nothing. */
const memorySegmentBytes = 4 * 1024 * 1024;

/** Where it is missing (a program bundled into one file), the work is done on the loop. */
const offloadEntry = new URL('./offload-worker.js', import.meta.url);

/** @throws BrokerError see `openStorage`; unknown_config, invalid_config: a topic default is not one. */
export async function openParts(resolved: Resolved, logger: Logger): Promise<BrokerParts> {
  const config = withMemoryDefaults(resolved);
  const scheduler = new NodeScheduler();
  const random = new NodeRandom();
  const storage = await openStorage({ config, scheduler, random });
  const offload = new NodeOffload(offloadEntry, offloadTasks, scheduler);
  const failures = new Failures();
  const guard = new Guard(failures.report);
  const ports: Ports = {
    clock: nodeClock,
    random,
    scheduler: new GuardedScheduler(scheduler, guard),
    offload: new GuardedOffload(offload, guard),
    disk: new GuardedDisk(storage.disk, guard),
    logger,
  };
  try {
    const broker = newBroker(ports, config, storage);
    const server = newServer({ scheduler, logger, config, broker, failures });
    const protocolOf = protocolsOf({ ...ports, broker });
    return { config, storage, broker, server, offload, scheduler, guard, failures, protocolOf };
  } catch (error) {
    offload.close();
    await storage.close();
    throw error;
  }
}

/** Recovers the state, or lets all parts go and rejects. */
export async function openBroker(parts: BrokerParts): Promise<RecoveryReport> {
  try {
    return await new Promise((resolve, reject) => {
      parts.failures.listen((error) => {
        parts.guard.stop();
        reject(new BrokerError('fenced', String(error), error));
      });
      parts.broker.open((error, report) => {
        if (report === null) reject(error);
        else resolve(report);
      });
    });
  } catch (error) {
    await closeServer(parts.server, 0);
    await closeParts(parts);
    throw inFolder(error, parts.config);
  }
}

export function closeServer(server: Server, drainMs: number): Promise<void> {
  return new Promise((resolve) => server.close(drainMs, resolve));
}

/** Lets everything go but the server, whatever fails on the way; resolves to what has failed. */
export async function closeParts(parts: BrokerParts): Promise<Error | null> {
  const { broker, storage, offload, guard } = parts;
  let failure: Error | null = null;
  if (!guard.isStopped) {
    failure = await new Promise((resolve) => {
      parts.failures.listen((error) => resolve(new BrokerError('fenced', String(error), error)));
      broker.close(resolve);
    });
    guard.stop();
  }
  offload.close();
  await storage.close();
  return failure;
}

function withMemoryDefaults({ config, sources }: Resolved): Config {
  const isSmall = config.storage === 'memory' && sources.segmentBytes === 'default';
  return isSmall ? { ...config, segmentBytes: memorySegmentBytes } : config;
}

/** Errors of the log name files by their paths inside the folder. */
function inFolder(error: unknown, { storage, dataDir }: Config): unknown {
  if (!(error instanceof BrokerError) || error.kind !== 'storage' || storage === 'memory') {
    return error;
  }
  return new BrokerError(error.code, `${dataDir}: ${error.detail}`, error);
}

function newBroker(ports: Ports, config: Config, { identity }: Storage): Broker {
  const options = {
    ...defaultBrokerOptions,
    clusterId: identity.clusterId,
    nodeId: identity.nodeId,
    autoCreateTopics: config.autoCreateTopics,
    defaultPartitions: config.defaultPartitions,
    topicDefaults: new Map(config.topicDefault.map(splitAssignment)),
    retentionCheckMs: config.retentionCheckMs,
    groupInitialRebalanceDelayMs: config.groupInitialRebalanceDelayMs,
    groupSessionTimeoutMsMin: config.groupSessionTimeoutMsMin,
    groupSessionTimeoutMsMax: config.groupSessionTimeoutMsMax,
    groupMaxSize: config.groupMaxSize,
    offsetMetadataBytesMax: config.offsetMetadataBytesMax,
    offsetsRetentionMs: config.offsetsRetentionMs,
    offsetsRetentionCheckMs: config.offsetsRetentionCheckMs,
    refusesExcessReplicas: config.refuseReplication,
    storagePath: config.storage === 'memory' ? 'memory' : resolve(config.dataDir),
  };
  return new Broker(ports, options, {
    durability: config.durability,
    segmentBytes: identity.segmentBytes,
    storeId: identity.storeId,
    checkpointBytes: config.checkpointBytes,
  });
}

/** `retention.ms=1000` → the two. */
function splitAssignment(text: string): [string, string] {
  const at = text.indexOf('=');
  return [text.slice(0, at), text.slice(at + 1)];
}

interface ServerParts {
  readonly scheduler: NodeScheduler;
  readonly logger: Logger;
  readonly config: Config;
  readonly broker: Broker;
  readonly failures: Failures;
}

/** The server has to close when the broker is fenced, so its guard is one that never stops. */
function newServer({ scheduler, logger, config, broker, failures }: ServerParts): Server {
  return new Server({
    net: new NodeNet(logger),
    clock: nodeClock,
    scheduler: new GuardedScheduler(scheduler, new Guard(failures.report)),
    logger,
    broker,
    limits: serverLimits(config),
    allowsRemote: config.allowAnonymous,
    onFailure: failures.report,
  });
}

/** Files for the journal, the admin socket, threads and what Node opens by itself are kept free. */
const connectionFileShare = 0.75;
/** A request's length is announced by a few bytes of its own. */
const frameHeadBytes = 64;

function serverLimits(config: Config): ServerLimits {
  const files = openFilesLimit() ?? Number.POSITIVE_INFINITY;
  const places = Math.max(1, Math.floor(files * connectionFileShare));
  return {
    connectionsMax: Math.min(config.connectionsMax, places),
    connectionsPerAddressMax: config.connectionsPerAddressMax,
    frameBytesMax: config.requestBytesMax + frameHeadBytes,
    firstFrameTimeoutMs: config.handshakeTimeoutMs,
    frameTimeoutMs: config.requestTimeoutMs,
    idleTimeoutMs: config.idleTimeoutMs,
    closeTimeoutMs: defaultServerLimits.closeTimeoutMs,
    memoryBytesMax: config.connectionBytesMax,
  };
}

/** Makes a protocol when its first listener asks for it. */
function protocolsOf(context: Ports & { readonly broker: Broker }): (name: string) => Protocol {
  const made = new Map<string, Protocol>();
  return (name) => {
    let protocol = made.get(name);
    if (protocol !== undefined) return protocol;
    const module = protocolModules.find((each) => each.name === name);
    if (module === undefined) throw new BrokerError('invalid_option', `no protocol ${name}`);
    protocol = module.create(context);
    made.set(name, protocol);
    return protocol;
  };
}
