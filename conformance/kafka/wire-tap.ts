/**
 * A proxy between clients and a broker that notes what is asked: which API in which version, and
 * with which fetch session. The broker has to advertise the tap's address.
 */

import * as net from 'node:net';

export interface Asked {
  readonly clientId: string;
  readonly key: number;
  readonly version: number;
  /** Of a fetch: session id and epoch; null for other requests. */
  readonly session: { readonly id: number; readonly epoch: number } | null;
}

const fetchKey = 1;

export class WireTap {
  readonly asked: Asked[] = [];
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  #target = 0;

  private constructor() {
    this.#server = net.createServer((client) => this.#join(client));
  }

  static open(): Promise<WireTap> {
    const tap = new WireTap();
    return new Promise((resolve) => {
      tap.#server.listen(0, '127.0.0.1', () => resolve(tap));
    });
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  get bootstrap(): string {
    return `127.0.0.1:${this.port}`;
  }

  forwardTo(port: number): void {
    this.#target = port;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(client: net.Socket): void {
    const broker = net.connect({ port: this.#target, host: '127.0.0.1', noDelay: true });
    client.setNoDelay(true);
    let unread: Buffer = Buffer.alloc(0);
    client.on('data', (bytes) => {
      unread = this.#note(Buffer.concat([unread, bytes]));
      broker.write(bytes);
    });
    broker.on('data', (bytes) => client.write(bytes));
    for (const [socket, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  }

  /** Notes the whole requests in `bytes` and returns the rest. */
  #note(bytes: Buffer): Buffer {
    let rest = bytes;
    while (rest.length >= 4) {
      const end = 4 + rest.readInt32BE(0);
      if (rest.length < end) break;
      this.asked.push(readRequest(rest.subarray(4, end)));
      rest = rest.subarray(end);
    }
    return rest;
  }
}

function readRequest(request: Buffer): Asked {
  const key = request.readInt16BE(0);
  const version = request.readInt16BE(2);
  const idBytes = Math.max(0, request.readInt16BE(8));
  const clientId = request.toString('utf8', 10, 10 + idBytes);
  const session = key === fetchKey && version >= 7 ? readSession(request, 10 + idBytes) : null;
  return { clientId, key, version, session };
}

/** [KIP-227] Behind the limits of a fetch; replica id went to the tags in version 15. */
function readSession(request: Buffer, headEnd: number): Asked['session'] {
  const version = request.readInt16BE(2);
  const tagsEnd = version >= 12 ? headEnd + 1 : headEnd;
  const at = tagsEnd + (version >= 15 ? 0 : 4) + 4 + 4 + 4 + 1;
  return { id: request.readInt32BE(at), epoch: request.readInt32BE(at + 4) };
}
