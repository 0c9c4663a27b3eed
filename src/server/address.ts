/** What addresses mean to listeners: reachable from where, and how they are written. */

import type { NetAddress } from '../kernel/ports.ts';

/** Only programs on this machine can reach it. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** All addresses of the machine: nothing that a client could be told. */
export function isWildcard(host: string): boolean {
  return host === '' || host === '0.0.0.0' || host === '::';
}

export function listenerUrl(name: string, address: NetAddress): string {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${name}://${host}:${address.port}`;
}
