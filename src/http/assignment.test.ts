import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAssignment } from './assignment.ts';

// version 1, one topic "ab" with the partitions 3 and 5, no user data
const bytes = Buffer.from('000100000001000261620000000200000003000000050000', 'hex');

test('an assignment is read', () => {
  assert.deepEqual(readAssignment('consumer', bytes), [{ topic: 'ab', partitions: [3, 5] }]);
});

test('an assignment that is cut, of another type, or hostile is none', () => {
  assert.equal(readAssignment('connect', bytes), null);
  for (let end = 0; end < 22; end++) {
    assert.equal(readAssignment('consumer', bytes.subarray(0, end)), null, `${end} bytes`);
  }
  const many = Buffer.from(bytes);
  many.writeInt32BE(0x7fff_ffff, 10);
  assert.equal(readAssignment('consumer', many), null);
  const endless = Buffer.from(bytes);
  endless.writeInt32BE(0x7fff_ffff, 2);
  assert.equal(readAssignment('consumer', endless), null);
});
