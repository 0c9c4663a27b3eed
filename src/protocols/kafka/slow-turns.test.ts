import assert from 'node:assert/strict';
import { it } from 'node:test';
import { HandScheduler } from '../../server/server.fixture.ts';
import type { Link } from '../contract.ts';
import { SlowTurns } from './slow-turns.ts';

/** Links that note when they go on. */
function bench() {
  const scheduler = new HandScheduler();
  const turns = new SlowTurns(scheduler);
  const resumed: string[] = [];
  const held: string[] = [];
  const wait = (name: string, isClosed = false): void => {
    const link = { hold: () => held.push(name), resume: () => resumed.push(name) };
    turns.wait(link as unknown as Link, { isClosed });
  };
  return { scheduler, resumed, held, wait };
}

it('lets slow connections go on one in a turn, in their order, and none that is gone', () => {
  const { scheduler, resumed, held, wait } = bench();
  wait('a');
  wait('gone', true);
  wait('b');
  wait('c');
  assert.deepEqual(held, ['a', 'gone', 'b', 'c']);
  assert.deepEqual(resumed, [], 'not in the same turn');
  assert.equal(scheduler.settle(), 3, 'a turn for each');
  assert.deepEqual(resumed, ['a', 'b', 'c']);
  wait('d');
  scheduler.settle();
  assert.deepEqual(resumed, ['a', 'b', 'c', 'd']);
});
