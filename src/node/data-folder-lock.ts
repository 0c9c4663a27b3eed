/**
 * One broker per data folder: the lock is a listening socket in the folder, `broker.sock`.
 *
 * The system ends a lock with the process that holds it, however that dies; what stays is a name
 * that refuses connections, and is removed by the next start. Unlike a lock on a file it works from
 * Node without native code, and the command line talks to the broker through it: it speaks HTTP.
 *
 * Taking it: listen on a name of our own, then link `broker.sock` to that. A link never replaces
 * anything, so of several that start at once one wins. A name that refuses connections is moved
 * aside first, and put back if what was moved is not what had refused: somebody else was faster.
 */

import fs from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import timers from 'node:timers';
import { encodeUtf8 } from '../kernel/bytes.ts';
import { BrokerError } from '../kernel/errors.ts';
import type { HttpAnswer, HttpHandler } from '../kernel/http.ts';
import { type HttpHandlerSource, HttpServer } from './http-server.ts';
import { socketName } from './socket-name.ts';
import { shortSocketPath } from './socket-path.ts';
import { messageOf, systemCode } from './system-error.ts';

const { setImmediate } = timers;

const attemptsMax = 20;

export interface DataFolderLock {
  /** Requests are answered from now on; before, every answer says that the broker is starting. */
  serve(source: HttpHandlerSource): void;
  /** Closes the connections and gives the folder free. Idempotent. */
  release(): Promise<void>;
}

/**
 * Takes the existing `folder`.
 * @throws BrokerError data_folder_locked with the process that has it, data_folder_unwritable.
 */
export async function lockDataFolder(folder: string): Promise<DataFolderLock> {
  const lock = new SocketLock(folder);
  try {
    await lock.listen();
    await lock.take();
  } catch (error) {
    await lock.release();
    if (error instanceof BrokerError) throw error;
    throw new BrokerError('data_folder_unwritable', folder, error);
  }
  return lock;
}

class SocketLock implements DataFolderLock {
  private readonly folder: string;
  private readonly path: string;
  /** The name that the socket was bound to; gone once the lock is taken. */
  private readonly ownPath: string;
  private readonly server: net.Server;
  private readonly http = new HttpServer(starting);
  private isTaken = false;

  constructor(folder: string) {
    this.folder = folder;
    this.path = join(folder, socketName);
    this.ownPath = `${this.path}.${process.pid}-${process.hrtime.bigint()}`;
    this.server = net.createServer((socket) => this.http.accept(socket));
  }

  listen(): Promise<void> {
    const short = shortSocketPath(this.ownPath);
    return new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(short.path, () => {
        this.server.off('error', reject);
        // A connection that could not be accepted: its client sees that too.
        this.server.on('error', () => {});
        resolve();
      });
    }).finally(() => short.release());
  }

  async take(): Promise<void> {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      if (linkNew(this.ownPath, this.path)) {
        // A starter that was about to move a refusing name aside may have moved ours: it puts it
        // back within the same turn of its loop.
        await new Promise<void>((resolve) => setImmediate(resolve));
        if (sameFile(identity(this.ownPath), identity(this.path))) {
          fs.unlinkSync(this.ownPath);
          this.isTaken = true;
          return;
        }
        continue;
      }
      const seen = identity(this.path);
      await this.assertRefused();
      if (seen !== null) this.moveAside(seen);
    }
    throw new BrokerError('data_folder_locked', `${this.folder}: others keep starting on it`);
  }

  serve(source: HttpHandlerSource): void {
    this.http.serve(source);
  }

  async release(): Promise<void> {
    for (const path of this.isTaken ? [this.path] : [this.ownPath]) removeName(path);
    this.isTaken = false;
    this.http.close();
    if (!this.server.listening) return;
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  /** Returns when nobody listens behind the name, or the name is gone. */
  private async assertRefused(): Promise<void> {
    let pid: number | null;
    // Loads HTTP, which most starts do without.
    const { findHolder } = await import('./admin-client.ts');
    try {
      pid = await findHolder(this.folder);
    } catch (error) {
      const code = systemCode(error);
      if (code === 'ECONNREFUSED' || code === 'ENOENT') return;
      throw new BrokerError('data_folder_locked', `${this.folder}: ${messageOf(error)}`, error);
    }
    const who = pid === null ? 'a process that does not answer' : `process ${pid}`;
    throw new BrokerError('data_folder_locked', `${this.folder}: ${who}`);
  }

  private moveAside(refused: fs.BigIntStats): void {
    const aside = `${this.ownPath}-aside`;
    try {
      fs.renameSync(this.path, aside);
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return;
      throw error;
    }
    if (!sameFile(identity(aside), refused)) linkNew(aside, this.path);
    removeName(aside);
  }
}

/** Before there is somebody to answer: recovery may take a while. */
const starting: HttpHandler = {
  begin: () => starting.refuse(503, 'the broker is starting'),
  refuse: (status, detail): HttpAnswer => ({
    status,
    headers: { 'content-type': 'application/problem+json', 'retry-after': '1' },
    body: encodeUtf8(JSON.stringify({ status, code: 'starting', detail, pid: process.pid })),
  }),
};

/** False when `target` exists. */
function linkNew(source: string, target: string): boolean {
  try {
    fs.linkSync(source, target);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
}

function identity(path: string): fs.BigIntStats | null {
  return fs.lstatSync(path, { bigint: true, throwIfNoEntry: false }) ?? null;
}

/** The number of a removed file is given to the next new one, its time of birth is not. */
function sameFile(left: fs.BigIntStats | null, right: fs.BigIntStats | null): boolean {
  return (
    left !== null &&
    right !== null &&
    left.ino === right.ino &&
    left.birthtimeNs === right.birthtimeNs
  );
}

function removeName(path: string): void {
  fs.rmSync(path, { force: true });
}
