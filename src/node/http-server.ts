/**
 * HTTP/1.1 over accepted stream sockets, with `node:http`, which loads with the first connection.
 *
 * Owns: bodies and their limits, how long a peer may take for each part, connections, their end.
 * Leaves: what is answered to the handler, accepting to whoever listens.
 *
 * A connection has one deadline at a time: for taking an answer, else for a body, else for the next
 * head. While the handler works there is none: it bounds its own waiting. Timers of `node:http` do not
 * run for a server that does not listen itself.
 *
 * Of requests that are pipelined only the first one's response has the socket and hears of its end; so
 * an exchange is over with its response or with its connection, whichever comes first.
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

type Phase = 'head' | 'reading' | 'working' | 'answering';

interface Connection {
  readonly socket: Socket;
  deadline: NodeJS.Timeout | null;
  /** What the deadline is for. */
  phase: Phase;
  /** Requests that are not answered yet, in their order. */
  readonly exchanges: Set<Exchange>;
}

/** One request and its answer. */
class Exchange {
  readonly connection: Connection;
  readonly response: ServerResponse;
  phase: Phase = 'reading';
  body: Buffer[] = [];
  bodyBytes = 0;
  /** Nobody waits for the answer any more. */
  readonly gone = new AbortController();

  constructor(connection: Connection, response: ServerResponse) {
    this.connection = connection;
    this.response = response;
  }
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
    const connection: Connection = {
      ...{ socket, deadline: null, phase: 'head' },
      exchanges: new Set(),
    };
    this.connections.set(socket, connection);
    socket.once('close', () => {
      this.connections.delete(socket);
      for (const exchange of connection.exchanges) this.end(exchange);
      clearTimeout(connection.deadline ?? undefined);
    });
    this.setDeadline(connection);
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
    if (connection === undefined || connection.exchanges.size >= this.limits.pipelinedMax) {
      request.socket.destroy();
      return;
    }
    const exchange = new Exchange(connection, response);
    connection.exchanges.add(exchange);
    this.setDeadline(connection);
    response.once('close', () => this.end(exchange));
    const { handler } = this;
    const work = handler.begin({
      method: request.method ?? '',
      target: request.url ?? '',
      header: (name) => headerOf(request, name),
    });
    if ('status' in work) return this.refuse(exchange, work);
    const length = Number(request.headers['content-length'] ?? 0);
    if (length > work.bodyBytesMax) {
      const detail = `the body may have ${work.bodyBytesMax} bytes`;
      return this.refuse(exchange, handler.refuse(413, detail));
    }
    if (isAsked) response.writeContinue();
    this.readBody(exchange, request, work);
  }

  private readBody(exchange: Exchange, request: IncomingMessage, work: HttpWork): void {
    const refuse = (status: number, detail: string): void =>
      this.refuse(exchange, this.handler.refuse(status, detail));
    const isWanted = (): boolean => exchange.phase === 'reading' && !exchange.gone.signal.aborted;
    request.on('data', (piece: Buffer) => {
      if (!isWanted()) return;
      if (exchange.bodyBytes + piece.length > work.bodyBytesMax) {
        return refuse(413, `the body may have ${work.bodyBytesMax} bytes`);
      }
      if (this.bodyBytes + piece.length > this.limits.bodyBytesTotalMax) {
        return refuse(503, 'too many large requests at once');
      }
      this.bodyBytes += piece.length;
      exchange.bodyBytes += piece.length;
      exchange.body.push(piece);
    });
    request.once('end', () => {
      if (isWanted()) this.run(exchange, work);
    });
  }

  private run(exchange: Exchange, work: HttpWork): void {
    this.enter(exchange, 'working');
    work.run(joined(exchange.body), exchange.gone.signal).then(
      (answer) => this.send(exchange, answer),
      () => exchange.connection.socket.destroy(),
    );
  }

  /** Before the body was read: if there is one, what is left of it makes the connection useless. */
  private refuse(exchange: Exchange, answer: HttpAnswer): void {
    const { response } = exchange;
    const { headers } = response.req;
    const hasBody = 'transfer-encoding' in headers || Number(headers['content-length'] ?? 0) > 0;
    if (hasBody) response.setHeader('connection', 'close');
    else response.req.resume();
    this.send(exchange, answer);
  }

  private send(exchange: Exchange, answer: HttpAnswer): void {
    const { response, gone } = exchange;
    if (gone.signal.aborted) return;
    this.enter(exchange, 'answering');
    response.writeHead(answer.status, { ...answer.headers, 'content-length': answer.body.length });
    response.end(answer.body);
  }

  private enter(exchange: Exchange, phase: Phase): void {
    exchange.phase = phase;
    const { connection } = exchange;
    if (phaseOf(connection) !== connection.phase) this.setDeadline(connection);
  }

  /** The answer was taken, or nobody will. */
  private end(exchange: Exchange): void {
    const { connection } = exchange;
    if (!connection.exchanges.delete(exchange)) return;
    this.bodyBytes -= exchange.bodyBytes;
    exchange.bodyBytes = 0;
    exchange.body = [];
    exchange.gone.abort();
    this.setDeadline(connection);
  }

  /** Begins a new deadline for what the connection does now. */
  private setDeadline(connection: Connection): void {
    clearTimeout(connection.deadline ?? undefined);
    const { headMs, bodyMs, answerMs } = this.limits;
    connection.phase = phaseOf(connection);
    connection.deadline = null;
    const ms = { head: headMs, reading: bodyMs, working: 0, answering: answerMs }[connection.phase];
    if (ms === 0) return;
    connection.deadline = setTimeout(() => connection.socket.destroy(), ms);
    connection.deadline.unref();
  }
}

function phaseOf({ exchanges }: Connection): Phase {
  let phase: Phase = 'head';
  for (const exchange of exchanges) {
    if (exchange.phase === 'answering') return 'answering';
    if (phase !== 'reading') phase = exchange.phase;
  }
  return phase;
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

function joined(pieces: readonly Buffer[]): Uint8Array {
  const [first] = pieces;
  return pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces);
}
