import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SeededRandom } from '../../../simulation/random.ts';
import { decodeHex } from '../../kernel/bytes.ts';
import { readSubscribedTopics } from './subscription-metadata.ts';

const two = '00000002' + '0001' + '61' + '0006' + '6f7264657273';

function read(hex: string, protocolType = 'consumer') {
  const bytes = decodeHex(hex);
  assert.ok(bytes);
  return readSubscribedTopics(protocolType, bytes);
}

describe('the topics of a subscription', () => {
  it('are read from every version, whatever follows', () => {
    for (const version of ['0000', '0001', '0003', '7fff']) {
      assert.deepEqual(read(version + two), ['a', 'orders']);
      assert.deepEqual(read(`${version}${two}ffffffff00000001`), ['a', 'orders']);
    }
    assert.deepEqual(read('000000000000'), []);
  });

  it('are not looked for in what members of other types say', () => {
    assert.equal(read(`0000${two}`, 'connect'), null);
    assert.equal(read(`0000${two}`, ''), null);
  });

  it('are unknown when the bytes are cut, hostile or none', () => {
    const whole = `0003${two}`;
    for (let end = 0; end < whole.length; end += 2) assert.equal(read(whole.slice(0, end)), null);
    assert.equal(read('00007fffffff'), null, 'more topics than bytes');
    assert.equal(read('0000ffffffff'), null, 'null');
    assert.equal(read('000000000001ffff'), null, 'a topic that is null');
    assert.equal(read(`ffff${two}`), null, 'a version below 0');
  });

  it('are read or not, of random bytes', () => {
    const dice = new SeededRandom(51);
    for (let round = 0; round < 5000; round++) {
      const bytes = new Uint8Array(dice.below(40));
      dice.fill(bytes);
      if (bytes.length > 6) bytes.set([0, dice.below(4), 0, 0, 0, dice.below(4)]);
      const found = readSubscribedTopics('consumer', bytes);
      assert.ok(found === null || found.length <= bytes.length / 2);
    }
  });
});
