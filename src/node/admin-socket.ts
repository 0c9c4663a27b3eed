/**
 * Requests and answers over the socket in the data folder: how the command line talks to a broker
 * on the same machine, with the rights of whoever may enter the folder.
 *
 *     server: {"polylog": 1, "pid": 4711}     at once; the version of this exchange
 *     client: <request>                       any JSON value
 *     server: <answer>                        in the order of the requests
 *
 * Owns: greeting, order, one request at a time. Leaves: what requests mean to the composition root,
 * the lock to data-folder-lock.ts.
 */

import net from 'node:net';
import { join } from 'node:path';
import timers from 'node:timers';
import { LineChannel } from './line-channel.ts';
import { shortSocketPath } from './socket-path.ts';

const { setTimeout, clearTimeout } = timers;

/** Answers one request; `reply` is called once, at once or later. */
export type AdminHandler = (request: unknown, reply: (answer: unknown) => void) => void;

export const socketName = 'broker.sock';

const exchangeVersion = 1;

export interface Greeting {
  readonly pid: number | null;
}

/** The server's side of one connection. Before there is a handler requests wait. */
export class AdminConnection {
  private readonly channel: LineChannel;
  private readonly onClosed: () => void;
  private handler: AdminHandler | null = null;
  private readonly requests: unknown[] = [];
  private isBusy = false;

  constructor(socket: net.Socket, onClosed: () => void) {
    this.onClosed = onClosed;
    this.channel = new LineChannel(socket, this);
    this.channel.send({ polylog: exchangeVersion, pid: process.pid });
  }

  serve(handler: AdminHandler): void {
    this.handler = handler;
    this.maybeServe();
  }

  close(): void {
    this.channel.close();
  }

  onValue(value: unknown): void {
    this.requests.push(value);
    // One chunk may hold several requests; what is beyond it waits in the kernel.
    this.channel.pause();
    this.maybeServe();
  }

  onClose(): void {
    this.requests.length = 0;
    this.onClosed();
  }

  private maybeServe(): void {
    if (this.isBusy || this.handler === null || this.requests.length === 0) return;
    this.isBusy = true;
    let isAnswered = false;
    this.handler(this.requests.shift(), (answer) => {
      if (isAnswered) return;
      isAnswered = true;
      this.isBusy = false;
      if (!this.channel.send(answer)) this.channel.close(new Error('an answer is too long'));
      if (this.requests.length === 0) this.channel.resume();
      else this.maybeServe();
    });
  }
}

/** The client's side. */
export class AdminClient {
  readonly greeting: Greeting;
  private readonly channel: LineChannel;
  private readonly waiting: Waiting[];

  private constructor(greeting: Greeting, channel: LineChannel, waiting: Waiting[]) {
    this.greeting = greeting;
    this.channel = channel;
    this.waiting = waiting;
  }

  /**
   * Connects to the broker on `folder`. Fails with the system's error: `ENOENT` and `ECONNREFUSED`
   * mean that none is running. A broker too busy to greet within the time gives a null pid.
   */
  static connect(folder: string, greetingTimeoutMs = 1000): Promise<AdminClient> {
    const waiting: Waiting[] = [];
    const short = shortSocketPath(join(folder, socketName));
    return new Promise<AdminClient>((resolve, reject) => {
      const socket = net.connect(short.path);
      const fail = (error: Error | null): void => {
        const reason = error ?? new Error('the broker has closed the connection');
        for (const { reject: rejectOne } of waiting.splice(0)) rejectOne(reason);
        reject(reason);
      };
      const greet = (value: unknown): void => {
        clearTimeout(timer);
        resolve(new AdminClient({ pid: pidOf(value) }, channel, waiting));
      };
      let greeted = false;
      const channel = new LineChannel(socket, {
        onValue: (value) => {
          if (greeted) waiting.shift()?.resolve(value);
          else greet(value);
          greeted = true;
        },
        onClose: (error) => {
          clearTimeout(timer);
          fail(error);
        },
      });
      const timer = setTimeout(() => greet(null), greetingTimeoutMs);
      socket.once('connect', () => short.release());
    }).finally(() => short.release());
  }

  /** Rejects when the broker closes before its answer, or when the request is over 1 MiB. */
  request(request: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (!this.channel.send(request)) return reject(new Error('the request is too long'));
      this.waiting.push({ resolve, reject });
    });
  }

  close(): void {
    this.channel.close();
  }
}

interface Waiting {
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

function pidOf(greeting: unknown): number | null {
  if (typeof greeting !== 'object' || greeting === null || !('pid' in greeting)) return null;
  return typeof greeting.pid === 'number' ? greeting.pid : null;
}
