/**
 * A client connection: requests out, their answers back in order, and certainty about what was answered
 * when the other side dies.
 *
 * Owns: the socket, correlation ids, matching answers to requests. What was in flight at the end is
 * handed to its handler as `null`: whether it was done is unknown.
 */
import net from 'node:net';
import { AnswerReader, CORRELATION_AT } from './wire.ts';

export type OnAnswer = (answer: AnswerReader | null) => void;

export class Connection {
  /** Resolves when all that the other side had sent is read and the socket is gone. */
  readonly closed: Promise<void>;
  readonly #socket: net.Socket;
  readonly #handlers: OnAnswer[] = [];
  #chunks: Buffer[] = [];
  #held = 0;
  #sent = 0;
  #answered = 0;
  #isOpen = true;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#isOpen = false;
        for (const handler of this.#handlers.splice(0)) handler(null);
        resolve();
      });
    });
  }

  static connect(port: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => resolve(new Connection(socket)));
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get inFlight(): number {
    return this.#handlers.length;
  }

  send(frame: Buffer, onAnswer: OnAnswer): void {
    if (!this.#isOpen) return onAnswer(null);
    frame.writeInt32BE(this.#sent++ & 0x7fffffff, CORRELATION_AT);
    this.#handlers.push(onAnswer);
    this.#socket.write(frame);
  }

  /** @throws when the connection ends before the answer. */
  async call<T>(frame: Buffer, read: (reader: AnswerReader) => T): Promise<T> {
    const answer = await new Promise<AnswerReader | null>((resolve) => this.send(frame, resolve));
    if (answer === null) throw new Error('the connection ended before the answer');
    return read(answer);
  }

  #receive(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    while (this.#held >= 4) {
      const size = 4 + this.#peek();
      if (this.#held < size) return;
      const bytes = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
      if (bytes === undefined) return;
      this.#chunks = bytes.length > size ? [bytes.subarray(size)] : [];
      this.#held -= size;
      this.#answer(bytes.subarray(4, size));
    }
  }

  /** The length that the bytes held begin with. */
  #peek(): number {
    const [first] = this.#chunks;
    if (first !== undefined && first.length >= 4) return first.readInt32BE(0);
    this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0]?.readInt32BE(0) ?? 0;
  }

  #answer(body: Buffer): void {
    const correlation = body.readInt32BE(0);
    if (correlation !== (this.#answered & 0x7fffffff)) {
      throw new Error(`answer ${correlation} came in the place of ${this.#answered}`);
    }
    this.#answered += 1;
    this.#handlers.shift()?.(new AnswerReader(body));
  }

  async close(): Promise<void> {
    this.#socket.destroy();
    await this.closed;
  }
}
