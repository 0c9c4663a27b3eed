/**
 * Listener addresses: `kafka://127.0.0.1:9092`, `kafka://[::1]:0`.
 *
 * Owns: their form, and which hosts are this machine only.
 */

export interface ListenerAddress {
  readonly protocol: string;
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
}

const FORM = /^([a-z][a-z0-9]*):\/\/(\[[0-9a-fA-F:.]+\]|[^[\]:/]+):(\d{1,5})$/;

/** Null when `text` is not of the form. */
export function parseListenerAddress(text: string): ListenerAddress | null {
  const match = FORM.exec(text);
  if (match === null) return null;
  const port = Number(match[3]);
  const host = (match[2] ?? '').replace(/^\[|\]$/g, '');
  return port > 65_535 ? null : { protocol: match[1] ?? '', host, port };
}

export function checkListenerAddress(text: string): string | null {
  return parseListenerAddress(text) === null
    ? 'an address like kafka://127.0.0.1:9092 is expected'
    : null;
}

export function formatListenerAddress({ protocol, host, port }: ListenerAddress): string {
  return `${protocol}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Whether only this machine can reach `host`. Names other than localhost may lead anywhere. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
