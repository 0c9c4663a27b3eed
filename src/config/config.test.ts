/** Options from every source. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { BrokerError } from '../kernel/errors.ts';
import { isLoopback, parseListenerAddress } from './listener-address.ts';
import { environmentName, flagName } from './option.ts';
import { fromEnvironment, resolveConfig } from './resolve.ts';

test('without any source every option has its default', () => {
  const { config, sources } = resolveConfig([]);
  assert.equal(config.durability, 'fsync');
  assert.deepEqual(config.listen, []);
  assert.equal(sources.dataDir, 'default');
});

test('a flag wins over the environment, and the environment over the file', () => {
  const { config, sources } = resolveConfig([
    { source: 'flag', values: { dataDir: 'a' } },
    fromEnvironment({ POLYLOG_DATA_DIR: 'b', POLYLOG_STORAGE: 'memory', HOME: '/' }),
    { source: 'file', values: { dataDir: 'c', storage: 'journal', drainMs: 5 } },
  ]);
  assert.equal(config.dataDir, 'a');
  assert.equal(config.storage, 'memory');
  assert.equal(config.drainMs, 5);
  assert.deepEqual(
    [sources.dataDir, sources.storage, sources.drainMs],
    ['flag', 'environment', 'file'],
  );
});

test('a bad value is named as its source calls the option', () => {
  const bad = (source: 'flag' | 'file', values: Record<string, unknown>) => () =>
    resolveConfig([{ source, values }]);
  assert.throws(bad('flag', { storage: 'disk' }), /--storage: it must be one of journal, memory/);
  assert.throws(bad('file', { segmentBytes: 7 }), /segmentBytes: it must be from 1048576/);
  assert.throws(bad('flag', { listen: ['kafka:9092'] }), /--listen: kafka:9092: an address like/);
  assert.throws(bad('flag', { drainMs: '1.5' }), /a whole number/);
  assert.throws(bad('file', { allowAnonymous: 'maybe' }), /true or false/);
});

test('an unknown key is an error with a hint', () => {
  const wrong = () => resolveConfig([{ source: 'file', values: { data_dir: 'x' } }]);
  assert.throws(wrong, (error) => error instanceof BrokerError && error.code === 'invalid_option');
  assert.throws(wrong, /did you mean dataDir\?/);
  assert.throws(() => fromEnvironment({ POLYLOG_DATADIR: 'x' }), /did you mean POLYLOG_DATA_DIR\?/);
});

test('names are made from the key', () => {
  assert.equal(flagName('segmentBytes'), 'segment-bytes');
  assert.equal(environmentName('segmentBytes'), 'POLYLOG_SEGMENT_BYTES');
});

test('listener addresses have a protocol, a host and a port', () => {
  assert.deepEqual(parseListenerAddress('kafka://[::1]:0'), {
    protocol: 'kafka',
    host: '::1',
    port: 0,
  });
  for (const wrong of ['kafka://host', 'kafka://host:99999', '//host:1', 'kafka://a:b:1', '']) {
    assert.equal(parseListenerAddress(wrong), null, wrong);
  }
});

test('only loopback addresses are this machine only', () => {
  for (const host of ['127.0.0.1', '127.8.9.10', '::1', 'localhost']) assert.ok(isLoopback(host));
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example', 'localhost.example']) {
    assert.ok(!isLoopback(host), host);
  }
});
