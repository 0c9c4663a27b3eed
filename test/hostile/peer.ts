/** A socket to the broker that may do anything: send halves, read nothing, vanish. */

import * as net from 'node:net';
import { frame } from '../../conformance/kafka/wire.ts';

const lengthBytes = 4;

export class Peer {
  readonly socket: net.Socket;
  /** Whole answers so far. */
  answers = 0;
  isClosed = false;
  #unread: Buffer = Buffer.alloc(0);
  readonly #waiting: ((answer: Buffer | null) => void)[] = [];
  #correlation = 0;
  #lastCorrelation = -1;
  /** Answers came in another order than their requests. */
  isOutOfOrder = false;

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (bytes) => this.#read(bytes));
    // A reset is one way to be closed.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isClosed = true;
      for (const done of this.#waiting.splice(0)) done(null);
    });
  }

  /** Null: it was refused, or closed before it was open. */
  static connect(port: number): Promise<Peer | null> {
    return new Promise((resolve) => {
      const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
      socket.once('error', () => resolve(null));
      socket.once('connect', () => resolve(new Peer(socket)));
    });
  }

  /** Connections, some hundred at a time, as the kernel's queue of them is not endless. */
  static async connectMany(port: number, count: number): Promise<Peer[]> {
    const peers: Peer[] = [];
    while (peers.length < count) {
      const some = Math.min(200, count - peers.length);
      const opened = await Promise.all(Array.from({ length: some }, () => Peer.connect(port)));
      const open = opened.filter((peer) => peer !== null);
      peers.push(...open);
      if (open.length === 0) break;
    }
    return peers;
  }

  send(bytes: Uint8Array): void {
    if (!this.isClosed) this.socket.write(bytes);
  }

  /** Reads no more, so that the broker's answers stay with the broker. */
  goDeaf(): void {
    this.socket.pause();
  }

  /** One request, one answer: without its correlation id; null when it is closed instead. */
  ask(key: number, version: number, body: Buffer): Promise<Buffer | null> {
    this.send(frame(key, version, ++this.#correlation, body));
    return this.answer();
  }

  answer(): Promise<Buffer | null> {
    if (this.isClosed) return Promise.resolve(null);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    this.socket.destroy();
  }

  /** Closed without a word: the peer gets a reset. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  #read(bytes: Buffer): void {
    this.#unread = this.#unread.length === 0 ? bytes : Buffer.concat([this.#unread, bytes]);
    let at = 0;
    while (this.#unread.length - at >= 2 * lengthBytes) {
      const end = at + lengthBytes + this.#unread.readInt32BE(at);
      if (this.#unread.length < end) break;
      this.#onAnswer(this.#unread.subarray(at + lengthBytes, end));
      at = end;
    }
    this.#unread = this.#unread.subarray(at);
  }

  #onAnswer(answer: Buffer): void {
    const correlation = answer.readInt32BE(0);
    if (correlation <= this.#lastCorrelation) this.isOutOfOrder = true;
    this.#lastCorrelation = correlation;
    this.answers++;
    this.#waiting.shift()?.(answer.subarray(lengthBytes));
  }
}

/** True when it is closed in time. */
export async function closesWithin(peer: Peer, ms: number): Promise<boolean> {
  if (peer.isClosed) return true;
  return Promise.race([
    new Promise<boolean>((resolve) => peer.socket.once('close', () => resolve(true))),
    rest(ms).then(() => peer.isClosed),
  ]);
}

export function rest(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
