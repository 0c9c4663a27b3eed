import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger } from './logger.ts';

test('a line carries level, time, bound fields, own fields and the event', async () => {
  const lines: string[] = [];
  const logger = await createLogger('info', { write: (line) => lines.push(line) });
  logger.child({ listener: 'kafka', node: 1 }).warn('port.moved', { wanted: 9092 });
  logger.info('broker.started');
  assert.equal(lines.length, 2);
  const { time, ...rest } = JSON.parse(lines[0] ?? '');
  assert.deepEqual(rest, {
    level: 'warn',
    listener: 'kafka',
    node: 1,
    wanted: 9092,
    event: 'port.moved',
  });
  assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000);
  assert.equal(JSON.parse(lines[1] ?? '').event, 'broker.started');
});

test('what is below the level is not written', async () => {
  const lines: string[] = [];
  const logger = await createLogger('warn', { write: (line) => lines.push(line) });
  logger.debug('a.b');
  logger.info('a.b');
  logger.child({}).info('a.b');
  assert.deepEqual(lines, []);
  logger.error('a.b');
  assert.equal(lines.length, 1);
});
