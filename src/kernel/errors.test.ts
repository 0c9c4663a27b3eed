import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AssertionFailure, assertNever, assert as holds } from './assert.ts';
import { BrokerError, brokerErrorCodes, errorTable, ProtocolViolation } from './errors.ts';

test('every code is a snake-case word with a sentence for people', () => {
  assert.ok(brokerErrorCodes.length > 0);
  for (const code of brokerErrorCodes) {
    assert.match(code, /^[a-z]+(_[a-z]+)*$/);
    assert.match(errorTable[code].text, /^[A-Z].*\.$/);
  }
});

test('no two codes have the same text', () => {
  const texts = new Set(brokerErrorCodes.map((code) => errorTable[code].text));
  assert.equal(texts.size, brokerErrorCodes.length);
});

test('an error carries its code, what the table says, the detail and the cause', () => {
  const cause = new Error('ENOSPC');
  const error = new BrokerError('storage_full', '3 bytes free', cause);
  assert.equal(error.code, 'storage_full');
  assert.equal(error.kind, 'storage');
  assert.equal(error.retriable, true);
  assert.equal(error.scope, 'broker');
  assert.equal(error.cause, cause);
  assert.equal(error.message, `${errorTable.storage_full.text} (3 bytes free)`);
  assert.equal(new BrokerError('draining').message, errorTable.draining.text);
  assert.equal('cause' in new BrokerError('draining'), false);
});

test('a violation names its clause', () => {
  const violation = new ProtocolViolation('MQTT-3.3.1-4', 'QoS 3 is not allowed');
  assert.equal(violation.specRef, 'MQTT-3.3.1-4');
  assert.equal(violation.message, 'QoS 3 is not allowed [MQTT-3.3.1-4]');
});

test('an assertion throws its reason when it does not hold, and only then', () => {
  holds(true, 'unused');
  assert.throws(() => holds(0, 'the count is positive'), AssertionFailure);
  assert.throws(() => assertNever('x' as never, 'a codec'), { message: 'a codec: x' });
});
