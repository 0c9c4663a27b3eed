/**
 * Requests to the broker on this machine, over the socket in its data folder, with the rights of
 * whoever may enter the folder.
 *
 * Owns: finding the socket, its connections, reading whole answers.
 * Leaves: what is asked to cli/, which process has the folder to data-folder-lock.ts.
 */

import http from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import timers from 'node:timers';
import { socketName } from './socket-name.ts';
import { shortSocketPath } from './socket-path.ts';

const { setTimeout, clearTimeout } = timers;

/** More than any answer has. */
const answerBytesMax = 64 * 1024 * 1024;

export interface AdminRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** What is sent as JSON. */
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

export interface AdminAnswer {
  readonly status: number;
  /** What the answer's JSON says; null when it has none. */
  readonly body: unknown;
}

export class AdminClient {
  private readonly agent: http.Agent;

  private constructor(folder: string) {
    this.agent = new SocketAgent(folder);
  }

  /**
   * Fails with the system's error when nobody listens: `ENOENT` and `ECONNREFUSED` mean that no
   * broker is running on `folder`.
   */
  static async connect(folder: string): Promise<AdminClient> {
    const socket = await connectTo(folder);
    socket.destroy();
    return new AdminClient(folder);
  }

  /** Rejects when the broker closes before its answer, and when `signal` aborts. */
  request({ method, target, body, signal }: AdminRequest): Promise<AdminAnswer> {
    const bytes = body === undefined ? null : Buffer.from(JSON.stringify(body));
    const headers = {
      accept: 'application/json',
      ...(bytes === null
        ? {}
        : { 'content-type': 'application/json', 'content-length': bytes.length }),
    };
    return new Promise((resolve, reject) => {
      const options = { agent: this.agent, host: 'localhost', path: target, method, headers };
      const request = http.request(signal === undefined ? options : { ...options, signal });
      request.once('error', reject);
      request.once('response', (response) => {
        readAnswer(response).then(resolve, reject);
      });
      request.end(bytes ?? undefined);
    });
  }

  close(): void {
    this.agent.destroy();
  }
}

/**
 * The process that serves the socket in `folder`, or null when it does not say so in time. Fails
 * like `connect` when there is none.
 */
export async function findHolder(folder: string, timeoutMs = 1000): Promise<number | null> {
  const client = await AdminClient.connect(folder);
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), timeoutMs);
  try {
    const request = { method: 'GET', target: '/v1/broker', signal: late.signal };
    return pidOf((await client.request(request)).body);
  } catch {
    // Whoever it is, it listens.
    return null;
  } finally {
    clearTimeout(timer);
    client.close();
  }
}

function pidOf(body: unknown): number | null {
  if (typeof body !== 'object' || body === null || !('pid' in body)) return null;
  return typeof body.pid === 'number' ? body.pid : null;
}

/** Keeps connections for further requests. */
class SocketAgent extends http.Agent {
  private readonly folder: string;

  constructor(folder: string) {
    super({ keepAlive: true });
    this.folder = folder;
  }

  override createConnection(): net.Socket {
    const short = shortSocketPath(join(this.folder, socketName));
    const socket = net.connect(short.path);
    socket.once('connect', () => short.release());
    socket.once('close', () => short.release());
    return socket;
  }
}

function connectTo(folder: string): Promise<net.Socket> {
  const short = shortSocketPath(join(folder, socketName));
  return new Promise<net.Socket>((resolve, reject) => {
    const socket = net.connect(short.path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  }).finally(() => short.release());
}

async function readAnswer(response: http.IncomingMessage): Promise<AdminAnswer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > answerBytesMax) throw new Error('the answer is too long');
    pieces.push(piece);
  }
  const text = Buffer.concat(pieces).toString();
  return { status: response.statusCode ?? 0, body: text === '' ? null : JSON.parse(text) };
}
