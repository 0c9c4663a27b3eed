/**
 * Which listeners are wanted, out of the options.
 *
 * Owns: the default ones, names of protocols, which advertised address belongs to which listener.
 * Leaves: opening them to server/.
 */

import { formatListenerAddress, parseListenerAddress } from '../config/listener-address.ts';
import { nameIn, type Resolved } from '../config/resolve.ts';
import { assert } from '../kernel/assert.ts';
import { BrokerError } from '../kernel/errors.ts';
import type { NetAddress } from '../kernel/ports.ts';
import { isLoopback, isWildcard } from '../server/index.ts';

export interface WantedListener {
  readonly protocol: string;
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
  /** The port was asked for: it must be free. */
  readonly isFixed: boolean;
  /** What clients are told; null: where they reached us. */
  readonly advertised: NetAddress | null;
}

interface KnownProtocol {
  readonly name: string;
  readonly defaultPort: number;
}

/** Everything is reachable from this machine only, unless somebody says otherwise. */
const defaultHost = '127.0.0.1';

/**
 * Without `listen`, each protocol on its own port; with it, only what it names.
 * @throws BrokerError invalid_option, not_loopback
 */
export function wantedListeners(
  { config, sources }: Resolved,
  protocols: readonly KnownProtocol[],
): WantedListener[] {
  const advertised = advertisedAddresses({ config, sources }, protocols);
  const wanted: WantedListener[] = [];
  const add = (protocol: string, host: string, port: number, isFixed: boolean): void => {
    const told = advertised.get(protocol)?.shift() ?? null;
    wanted.push({ protocol, host, port, isFixed, advertised: told });
  };
  if (sources.listen === 'default') {
    for (const { name, defaultPort } of protocols) add(name, defaultHost, defaultPort, false);
  }
  for (const text of config.listen) {
    const { protocol, host, port } = known(text, nameIn(sources.listen, 'listen'), protocols);
    if (!config.allowAnonymous && !isLoopback(host)) {
      throw new BrokerError('not_loopback', `${text}: add ${anonymousName(sources.listen)}`);
    }
    add(protocol, host, port, true);
  }
  for (const [protocol, rest] of advertised) {
    if (rest[0] === undefined) continue;
    const text = formatListenerAddress({ protocol, ...rest[0] });
    throw new BrokerError(
      'invalid_option',
      `${text} is advertised, but no listener is left for it`,
    );
  }
  return wanted;
}

function anonymousName(source: Resolved['sources']['listen']): string {
  const name = nameIn(source, 'allowAnonymous');
  return source === 'flag' ? name : `${name}: true`;
}

function advertisedAddresses(
  { config, sources }: Resolved,
  protocols: readonly KnownProtocol[],
): Map<string, NetAddress[]> {
  const byProtocol = new Map<string, NetAddress[]>();
  for (const text of config.advertise) {
    const name = nameIn(sources.advertise, 'advertise');
    const { protocol, host, port } = known(text, name, protocols);
    if (port === 0 || isWildcard(host)) {
      throw new BrokerError('invalid_option', `${name}: ${text}: nobody can connect to that`);
    }
    const list = byProtocol.get(protocol) ?? [];
    list.push({ host, port });
    byProtocol.set(protocol, list);
  }
  return byProtocol;
}

function known(text: string, optionName: string, protocols: readonly KnownProtocol[]) {
  const address = parseListenerAddress(text);
  assert(address !== null, 'the option has checked its addresses');
  if (!protocols.some(({ name }) => name === address.protocol)) {
    const names = protocols.map(({ name }) => name).join(', ');
    throw new BrokerError(
      'invalid_option',
      `${optionName}: ${text}: there is no protocol ${address.protocol}; there is: ${names}`,
    );
  }
  return address;
}
