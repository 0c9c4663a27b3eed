/**
 * A load connection: keeps a window of requests in flight and counts their answers.
 */
import net from 'node:net';
import { CORRELATION_AT } from './wire.ts';

export type OnAnswer = (answer: Buffer) => void;

/** Sends frames, splits answers; answers are views that are borrowed until return. */
export class LoadConnection {
  readonly #socket: net.Socket;
  #held: Buffer = Buffer.alloc(0);
  #correlation = 0;
  onAnswer: OnAnswer = () => {};

  constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
  }

  static connect(port: number): Promise<LoadConnection> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => resolve(new LoadConnection(socket)));
    });
  }

  /** Sends `frame` with the next correlation id patched in. */
  send(frame: Buffer): void {
    frame.writeInt32BE(this.#correlation++ & 0x7fffffff, CORRELATION_AT);
    // The frame is patched again for the next request, so small ones are copied; of a large one only
    // the head differs, and the broker echoes whatever is there.
    this.#socket.write(frame.length < 16_384 ? Buffer.from(frame) : frame);
  }

  /** Sends `frame` and resolves with a copy of its answer; nothing else may be in flight. */
  call(frame: Buffer): Promise<Buffer> {
    return new Promise((resolve) => {
      this.onAnswer = (answer) => resolve(Buffer.from(answer));
      this.send(frame);
    });
  }

  #receive(chunk: Buffer): void {
    let bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    while (bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0)) {
      const end = 4 + bytes.readInt32BE(0);
      this.onAnswer(bytes.subarray(4, end));
      bytes = bytes.subarray(end);
    }
    this.#held = bytes;
  }

  /** Raw bytes instead of answers: for loads where splitting would cost more than the load. */
  onBytes(listener: (chunk: Buffer) => void): void {
    this.#socket.removeAllListeners('data');
    this.#socket.on('data', listener);
  }

  close(): void {
    this.#socket.destroy();
  }
}
