/**
 * HTTP/1.1 over accepted stream sockets, with `node:http`, which loads with the first connection.
 *
 * Owns: bodies and their limits, how long a peer may take for each part, connections, their end.
 * Leaves: what is answered to the handler, accepting to whoever listens.
 *
 * A connection has one deadline at a time: for the head, for the body, for taking the answer. While
 * the handler works there is none: it bounds its own waiting. Timers of `node:http` do not run for a
 * server that does not listen itself.
 */

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import timers from 'node:timers';
import type { HttpAnswer, HttpHandler, HttpWork } from '../kernel/http.ts';

const { setTimeout, clearTimeout } = timers;

export interface HttpLimits {
  readonly connectionsMax: number;
  /** Requests of one connection that wait for their answers at the same time. */
  readonly pipelinedMax: number;
  /** Bodies of all connections together, while they are kept. */
  readonly bodyBytesTotalMax: number;
  readonly headBytesMax: number;
  /** From the connection or the last answer to the end of a head. */
  readonly headMs: number;
  readonly bodyMs: number;
  readonly answerMs: number;
}

export const defaultHttpLimits: HttpLimits = {
  connectionsMax: 128,
  pipelinedMax: 8,
  bodyBytesTotalMax: 64 * 1024 * 1024,
  headBytesMax: 16 * 1024,
  headMs: 10_000,
  bodyMs: 30_000,
  answerMs: 30_000,
};

interface Connection {
  readonly socket: Socket;
  deadline: NodeJS.Timeout | null;
  /** Requests that are not answered yet. */
  open: number;
}

/** Loads what answers requests, when the first connection comes. */
export type HttpHandlerSource = () => Promise<HttpHandler>;

export class HttpServer {
  /** Until there is a source. */
  private handler: HttpHandler;
  private source: HttpHandlerSource | null = null;
  private readonly limits: HttpLimits;
  private readonly connections = new Map<Socket, Connection>();
  private server: Promise<Server> | null = null;
  private loading: Promise<void> | null = null;
  private bodyBytes = 0;
  private isClosed = false;

  constructor(initial: HttpHandler, limits: HttpLimits = defaultHttpLimits) {
    this.handler = initial;
    this.limits = limits;
  }

  /** What answers from now on, in place of the initial handler. Called once. */
  serve(source: HttpHandlerSource): void {
    this.source = source;
    if (this.connections.size > 0) this.load().catch(() => this.close());
  }

  /** Serves the requests that come over `socket`. */
  accept(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    if (this.isClosed || this.connections.size >= this.limits.connectionsMax) {
      socket.destroy();
      return;
    }
    const connection: Connection = { socket, deadline: null, open: 0 };
    this.connections.set(socket, connection);
    socket.once('close', () => {
      this.limit(connection, 0);
      this.connections.delete(socket);
    });
    this.limit(connection, this.limits.headMs);
    this.server ??= this.open();
    Promise.all([this.server, this.load()]).then(
      ([server]) => void server.emit('connection', socket),
      () => socket.destroy(),
    );
  }

  /** Sends the answers that are ready, then ends every connection. */
  close(): void {
    this.isClosed = true;
    for (const { socket } of this.connections.values()) socket.destroySoon();
  }

  private load(): Promise<void> {
    if (this.source === null) return Promise.resolve();
    this.loading ??= this.source().then((handler) => {
      this.handler = handler;
    });
    return this.loading;
  }

  private async open(): Promise<Server> {
    const http = await import('node:http');
    const server = http.createServer({ maxHeaderSize: this.limits.headBytesMax });
    server.on('request', (request, response) => this.onRequest(request, response, false));
    server.on('checkContinue', (request, response) => this.onRequest(request, response, true));
    return server;
  }

  private onRequest(request: IncomingMessage, response: ServerResponse, isAsked: boolean): void {
    const connection = this.connections.get(request.socket);
    if (connection === undefined || connection.open >= this.limits.pipelinedMax) {
      request.socket.destroy();
      return;
    }
    connection.open++;
    this.limit(connection, this.limits.bodyMs);
    response.once('close', () => {
      connection.open--;
      if (connection.open === 0) this.limit(connection, this.limits.headMs);
    });
    const { handler } = this;
    const work = handler.begin({
      method: request.method ?? '',
      target: request.url ?? '',
      header: (name) => headerOf(request, name),
    });
    if ('status' in work) return this.refuse(connection, response, work);
    const length = Number(request.headers['content-length'] ?? 0);
    if (length > work.bodyBytesMax) {
      const detail = `the body may have ${work.bodyBytesMax} bytes`;
      return this.refuse(connection, response, handler.refuse(413, detail));
    }
    if (isAsked) response.writeContinue();
    this.readBody(connection, request, response, work);
  }

  private readBody(
    connection: Connection,
    request: IncomingMessage,
    response: ServerResponse,
    work: HttpWork,
  ): void {
    let pieces: Buffer[] = [];
    let bytes = 0;
    let isRefused = false;
    const letGo = (): void => {
      this.bodyBytes -= bytes;
      bytes = 0;
      pieces = [];
    };
    response.once('close', letGo);
    const refuse = (status: number, detail: string): void => {
      isRefused = true;
      this.refuse(connection, response, this.handler.refuse(status, detail));
    };
    request.on('data', (piece: Buffer) => {
      if (isRefused || response.destroyed) return;
      if (bytes + piece.length > work.bodyBytesMax) {
        return refuse(413, `the body may have ${work.bodyBytesMax} bytes`);
      }
      if (this.bodyBytes + piece.length > this.limits.bodyBytesTotalMax) {
        return refuse(503, 'too many large requests at once');
      }
      this.bodyBytes += piece.length;
      bytes += piece.length;
      pieces.push(piece);
    });
    request.once('end', () => {
      if (!isRefused) this.run(connection, response, work, joined(pieces));
    });
  }

  private run(
    connection: Connection,
    response: ServerResponse,
    work: HttpWork,
    body: Uint8Array,
  ): void {
    this.limit(connection, 0);
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    work.run(body, gone.signal).then(
      (answer) => this.send(connection, response, answer),
      () => connection.socket.destroy(),
    );
  }

  /** Before the body was read: if there is one, what is left of it makes the connection useless. */
  private refuse(connection: Connection, response: ServerResponse, answer: HttpAnswer): void {
    const { headers } = response.req;
    const hasBody = 'transfer-encoding' in headers || Number(headers['content-length'] ?? 0) > 0;
    if (hasBody) response.setHeader('connection', 'close');
    else response.req.resume();
    this.send(connection, response, answer);
  }

  private send(connection: Connection, response: ServerResponse, answer: HttpAnswer): void {
    if (response.destroyed) return;
    this.limit(connection, this.limits.answerMs);
    response.writeHead(answer.status, { ...answer.headers, 'content-length': answer.body.length });
    response.end(answer.body);
  }

  /** Replaces the deadline; 0 is none. */
  private limit(connection: Connection, ms: number): void {
    if (connection.deadline !== null) clearTimeout(connection.deadline);
    connection.deadline = null;
    if (ms === 0) return;
    connection.deadline = setTimeout(() => connection.socket.destroy(), ms);
    connection.deadline.unref();
  }
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

function joined(pieces: readonly Buffer[]): Uint8Array {
  const [first] = pieces;
  return pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces);
}
