/**
 * Where the journal lives: a locked data folder, or memory.
 *
 * Owns: making the folder, the lock on it, its identity, letting all of it go.
 * Leaves: what the files hold to log/.
 *
 * The lock is taken before a byte is read: a broker that is refused has changed nothing.
 */

import type { Config } from '../config/options.ts';
import { version } from '../config/version.ts';
import { formatUuidShort } from '../kernel/bytes.ts';
import { BrokerError } from '../kernel/errors.ts';
import { type Disk, DiskError, type Random, type Scheduler } from '../kernel/ports.ts';
import { RamDisk } from '../kernel/ram-disk.ts';
import { createNodeFile, type NodeIdentity, readNodeFile } from '../log/node-file.ts';
import { lockDataFolder } from '../node/data-folder-lock.ts';
import { NodeDisk } from '../node/disk.ts';
import type { HttpHandlerSource } from '../node/http-server.ts';

export interface Storage {
  readonly disk: Disk;
  readonly identity: NodeIdentity;
  /** Answers the requests that come over the folder's socket; memory has none. */
  serve(source: HttpHandlerSource): void;
  /** Idempotent. */
  close(): Promise<void>;
}

export interface StorageParts {
  readonly config: Config;
  readonly scheduler: Scheduler;
  readonly random: Random;
}

/** One node of a cluster of one. */
const onlyNodeId = 1;

/** A folder that holds one of these has been used; without `node.json` it is not whole. */
const usedNames = /^(segments|checkpoints|manifest-\d+)$/;

/**
 * @throws BrokerError data_folder_locked, data_folder_newer, data_folder_unwritable, storage_damaged,
 *   storage_failed, storage_full
 */
export function openStorage(parts: StorageParts): Promise<Storage> {
  return parts.config.storage === 'memory' ? openMemory(parts) : openFolder(parts);
}

async function openMemory(parts: StorageParts): Promise<Storage> {
  const { config, scheduler } = parts;
  return {
    disk: new RamDisk(scheduler, config.memoryBytesMax),
    identity: newIdentity(parts),
    serve: () => {},
    close: async () => {},
  };
}

async function openFolder(parts: StorageParts): Promise<Storage> {
  const { dataDir } = parts.config;
  const disk = new NodeDisk(dataDir);
  makeFolder(disk, dataDir);
  const lock = await lockDataFolder(dataDir);
  const close = async (): Promise<void> => {
    disk.close();
    await lock.release();
  };
  try {
    const identity = readNodeFile(disk) ?? (await createIdentity(parts, disk));
    disk.warmUp();
    return { disk, identity, serve: (source) => lock.serve(source), close };
  } catch (error) {
    await close();
    throw named(error, dataDir);
  }
}

function makeFolder(disk: NodeDisk, dataDir: string): void {
  try {
    disk.makeDirectory('');
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    throw new BrokerError('data_folder_unwritable', `${dataDir}: ${reasonOf(error)}`, error);
  }
}

function reasonOf(error: DiskError): string {
  return error.cause instanceof Error ? error.cause.message : error.message;
}

async function createIdentity(parts: StorageParts, disk: NodeDisk): Promise<NodeIdentity> {
  const used = disk.list('').find((name) => usedNames.test(name));
  if (used !== undefined) {
    throw new BrokerError('storage_damaged', `node.json is missing, though there is ${used}`);
  }
  const identity = newIdentity(parts);
  await new Promise<void>((resolve, reject) =>
    createNodeFile({ disk, scheduler: parts.scheduler }, identity, (error) =>
      error === null ? resolve() : reject(error),
    ),
  );
  return identity;
}

function newIdentity({ config, random }: StorageParts): NodeIdentity {
  const storeId = new Uint8Array(16);
  random.fill(storeId);
  const clusterId = new Uint8Array(16);
  random.fill(clusterId);
  return {
    storeId,
    clusterId: formatUuidShort(clusterId),
    nodeId: onlyNodeId,
    segmentBytes: config.segmentBytes,
    createdBy: version,
  };
}

/** Says which folder it is about: file names in it are relative. */
function named(error: unknown, dataDir: string): unknown {
  if (!(error instanceof BrokerError) || error.detail.includes(dataDir)) return error;
  return new BrokerError(error.code, `${dataDir}: ${error.detail}`, error);
}
