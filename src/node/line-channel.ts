/**
 * JSON lines over a stream socket: the framing of the socket in the data folder, both sides.
 *
 *     value LF value LF ...      each value JSON in UTF-8 without line feeds, at most 1 MiB
 *
 * Owns: cutting lines, the limit, parsing. Leaves: what the values mean.
 */

import type { Socket } from 'node:net';

export const lineBytesMax = 1024 * 1024;

const lineFeed = 0x0a;

export interface LineSink {
  onValue(value: unknown): void;
  /** Once: null when the peer ended or closed, the error otherwise. The socket is being closed. */
  onClose(error: Error | null): void;
}

export class LineChannel {
  private readonly socket: Socket;
  private readonly sink: LineSink;
  /** The line so far, in the pieces in which it came. */
  private pieces: Buffer[] = [];
  private pieceBytes = 0;
  private isClosed = false;

  constructor(socket: Socket, sink: LineSink) {
    this.socket = socket;
    this.sink = sink;
    socket.on('data', (chunk: Buffer) => this.onChunk(chunk));
    socket.on('end', () => this.close(null));
    socket.on('error', (error) => this.close(error));
    socket.on('close', () => this.close(null));
  }

  /** False, and nothing sent, when the value is larger than a line may be. */
  send(value: unknown): boolean {
    const line = Buffer.from(`${JSON.stringify(value)}\n`);
    if (line.length > lineBytesMax) return false;
    if (!this.isClosed) this.socket.write(line);
    return true;
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Sends what was given to `send`, then closes. */
  close(error: Error | null = null): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.pieces = [];
    if (error === null) this.socket.end(() => this.socket.destroy());
    else this.socket.destroy();
    this.sink.onClose(error);
  }

  private onChunk(chunk: Buffer): void {
    let start = 0;
    while (!this.isClosed) {
      const end = chunk.indexOf(lineFeed, start);
      const piece = chunk.subarray(start, end < 0 ? chunk.length : end);
      this.pieces.push(piece);
      this.pieceBytes += piece.length;
      if (this.pieceBytes >= lineBytesMax) return this.close(new Error('a line is too long'));
      if (end < 0) return;
      start = end + 1;
      this.onLine(Buffer.concat(this.pieces));
    }
  }

  private onLine(line: Buffer): void {
    this.pieces = [];
    this.pieceBytes = 0;
    let value: unknown;
    try {
      value = JSON.parse(line.toString());
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      return this.close(new Error('a line is not JSON', { cause: error }));
    }
    this.sink.onValue(value);
  }
}
