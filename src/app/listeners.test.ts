import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveConfig } from '../config/resolve.ts';
import { wantedListeners } from './listeners.ts';

const protocols = [
  { name: 'alpha', defaultPort: 1000 },
  { name: 'beta', defaultPort: 2000 },
];

function wanted(values: Record<string, unknown>) {
  return wantedListeners(resolveConfig([{ source: 'flag', values }]), protocols);
}

test('without addresses every protocol gets its own port, which may move', () => {
  const local = { host: '127.0.0.1', isFixed: false, advertised: null };
  assert.deepEqual(wanted({}), [
    { protocol: 'alpha', port: 1000, ...local },
    { protocol: 'beta', port: 2000, ...local },
  ]);
});

test('with addresses only these are opened, at fixed ports', () => {
  assert.deepEqual(wanted({ listen: ['beta://[::1]:0'] }), [
    { protocol: 'beta', host: '::1', port: 0, isFixed: true, advertised: null },
  ]);
  assert.deepEqual(wanted({ listen: [] }), []);
});

test('advertised addresses go to the listeners of their protocol, in order', () => {
  const listeners = wanted({
    listen: ['alpha://127.0.0.1:1', 'beta://127.0.0.1:2', 'alpha://127.0.0.1:3'],
    advertise: ['alpha://one:1', 'alpha://two:2'],
  });
  assert.deepEqual(
    listeners.map(({ advertised }) => advertised),
    [{ host: 'one', port: 1 }, null, { host: 'two', port: 2 }],
  );
});

test('an address that nobody can connect to is not advertised', () => {
  for (const address of ['alpha://0.0.0.0:1', 'alpha://host:0']) {
    assert.throws(() => wanted({ advertise: [address] }), /--advertise: .*nobody can connect/);
  }
  assert.throws(() => wanted({ advertise: ['gamma://host:1'] }), /there is: alpha, beta/);
});

test('off loopback, a listener needs the permission for anonymous access', () => {
  const listen = ['alpha://0.0.0.0:1'];
  assert.throws(() => wanted({ listen }), /add --allow-anonymous/);
  assert.equal(wanted({ listen, allowAnonymous: true }).length, 1);
});
