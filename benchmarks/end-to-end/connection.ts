/**
 * A load connection: one read buffer, answers split in place, no allocation per request.
 *
 * Frames never change between sends (every request has correlation id 0: both brokers answer in order),
 * so that a window of requests is one write of bytes that were made before the load began.
 */
import net from 'node:net';

/** [start, end) of an answer without its length; borrowed until return. */
export type OnAnswer = (bytes: Buffer, start: number, end: number) => void;
/** `length` bytes that were read; borrowed until return. */
export type OnBytes = (bytes: Buffer, length: number) => void;

const readBytes = 1024 * 1024;
/** Smaller frames are sent as a copy of many in a row, larger ones as a list of the same bytes. */
const trainFrameBytes = 16_384;

export class LoadConnection {
  readonly #socket: net.Socket;
  /** Bytes of an answer that has not come in whole. */
  #held = Buffer.alloc(4096);
  #heldBytes = 0;
  #onBytes: OnBytes = (bytes, length) => this.#split(bytes, length);
  onAnswer: OnAnswer = () => {};
  onClose: (error: Error) => void = () => {};

  private constructor(port: number, bufferBytes: number) {
    this.#socket = net.connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer: Buffer.alloc(bufferBytes),
        callback: (length, bytes) => {
          this.#onBytes(bytes as Buffer, length);
          return true;
        },
      },
    });
  }

  static open(port: number, bufferBytes = 65_536): Promise<LoadConnection> {
    return new Promise((resolve, reject) => {
      const connection = new LoadConnection(port, bufferBytes);
      const socket = connection.#socket;
      socket.once('connect', () => resolve(connection));
      socket.on('error', (error) => {
        reject(error);
        connection.onClose(error);
      });
      socket.on('close', () => connection.onClose(new Error('the broker closed a connection')));
    });
  }

  /** For bulk answers: the bytes as they come, instead of answers. */
  static async openBulk(port: number, onBytes: OnBytes): Promise<LoadConnection> {
    const connection = await LoadConnection.open(port, readBytes);
    connection.#onBytes = onBytes;
    return connection;
  }

  send(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Many parts in one system call. */
  sendParts(send: () => void): void {
    this.#socket.cork();
    send();
    this.#socket.uncork();
  }

  /** Sends `frame` and resolves with a copy of its answer; nothing else may be in flight. */
  call(frame: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.onAnswer = (bytes, start, end) => resolve(Buffer.from(bytes.subarray(start, end)));
      this.onClose = reject;
      this.send(frame);
    });
  }

  close(): void {
    this.onClose = () => {};
    this.#socket.destroy();
  }

  #split(chunk: Buffer, length: number): void {
    if (this.#heldBytes === 0) {
      const rest = this.#answer(chunk, length);
      if (rest < length) this.#hold(chunk, rest, length);
      return;
    }
    this.#hold(chunk, 0, length);
    const end = this.#heldBytes;
    const rest = this.#answer(this.#held, end);
    this.#held.copyWithin(0, rest, end);
    this.#heldBytes = end - rest;
  }

  #hold(bytes: Buffer, start: number, end: number): void {
    const needed = this.#heldBytes + end - start;
    if (needed > this.#held.length) this.#held = Buffer.concat([this.#held], 2 * needed);
    bytes.copy(this.#held, this.#heldBytes, start, end);
    this.#heldBytes = needed;
  }

  /** @returns the first byte that belongs to no whole answer */
  #answer(bytes: Buffer, end: number): number {
    let at = 0;
    while (end - at >= 4) {
      const next = at + 4 + bytes.readInt32BE(at);
      if (next > end) break;
      this.onAnswer(bytes, at + 4, next);
      at = next;
    }
    return at;
  }
}

/** The same request up to `window` times in a row. */
export class RequestTrain {
  readonly #frame: Buffer;
  readonly #train: Buffer | null;

  constructor(frame: Buffer, window: number) {
    this.#frame = frame;
    this.#train =
      frame.length < trainFrameBytes ? Buffer.concat(new Array<Buffer>(window).fill(frame)) : null;
  }

  send(connection: LoadConnection, count: number): void {
    if (this.#train !== null) {
      connection.send(this.#train.subarray(0, count * this.#frame.length));
      return;
    }
    connection.sendParts(() => {
      for (let i = 0; i < count; i++) connection.send(this.#frame);
    });
  }
}
