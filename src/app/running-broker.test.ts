import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveConfig } from '../config/resolve.ts';
import { BrokerError } from '../kernel/errors.ts';
import { silentLogger } from '../kernel/silent-logger.ts';
import { RunningBroker } from './running-broker.ts';

function open(): Promise<RunningBroker> {
  const values = { storage: 'memory', listen: ['kafka://127.0.0.1:0'] };
  const resolved = resolveConfig([{ source: 'program', values }]);
  return RunningBroker.open({ resolved, logger: silentLogger, onStopRequested: null });
}

function publish({ broker }: RunningBroker): Promise<BrokerError | null> {
  return new Promise((resolve) => broker.publish({ topic: 't', value: null }, resolve));
}

test('a mistake in a callback fences the broker, and nothing reaches the process', async () => {
  const running = await open();
  assert.equal(await publish(running), null);
  const partition = running.broker.topic('t')?.partitions[0];
  assert.ok(partition);
  const mistake = new Error('planned');
  running.broker.watch(partition, {
    onProgress: () => {
      throw mistake;
    },
  });
  const told = new Promise<BrokerError>((resolve) => running.onFault(resolve));
  running.broker.publish({ topic: 't', value: null }, () => {});
  const fault = await told;
  assert.equal(fault.code, 'fenced');
  assert.equal(fault.cause, mistake);
  assert.equal(running.fault, fault);
  assert.equal(running.broker.createTopic({ ...topicSpec, name: 'late' }).error, 'fenced');
  await running.close();
});

test('a listener that comes late hears of the fault too', async () => {
  const running = await open();
  const first = new Promise<BrokerError>((resolve) => running.onFault(resolve));
  running.broker.fence(new BrokerError('storage_failed', 'planned'));
  const second = new Promise<BrokerError>((resolve) => running.onFault(resolve));
  assert.equal(await first, await second);
  await running.close();
});

const topicSpec = {
  partitions: -1,
  replicationFactor: -1,
  options: new Map<string, string>(),
  validateOnly: false,
};
