import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SeededRandom } from '../../../simulation/random.ts';
import {
  type ConfigChange,
  changedOverrides,
  configOperations,
  isListOption,
  isSameOverrides,
} from './config-changes.ts';

const { set, delete: remove, append, subtract } = configOperations;

function inherited(name: string): string {
  return name === 'cleanup.policy' ? 'delete' : '';
}

function change(before: string | null, operation: number, value: string): string | undefined {
  const name = 'cleanup.policy';
  const overrides = new Map(before === null ? [] : [[name, before]]);
  return changedOverrides(overrides, [{ name, operation, value }], inherited).get(name);
}

describe('a change of settings', () => {
  it('sets, whatever was there, and deletes, whether or not something was', () => {
    assert.equal(change(null, set, 'compact'), 'compact');
    assert.equal(change('delete', set, ''), '');
    assert.equal(change('compact', remove, ''), undefined);
    assert.equal(change(null, remove, ''), undefined);
  });

  it('adds to a list what it lacks, beginning with what counts without it', () => {
    assert.equal(change(null, append, 'compact'), 'delete,compact');
    assert.equal(change('compact', append, 'compact'), 'compact');
    assert.equal(change('', append, 'compact, compact,delete'), 'compact,delete');
    assert.equal(change('compact', append, ''), 'compact');
  });

  it('takes from a list what it has', () => {
    assert.equal(change(null, subtract, 'delete'), '');
    assert.equal(change('delete,compact', subtract, 'delete,other'), 'compact');
    assert.equal(change('', subtract, 'delete'), '');
  });

  it('leaves what it was made from alone', () => {
    const before = new Map([['retention.ms', '1']]);
    const change = { name: 'retention.ms', operation: set, value: '2' };
    assert.equal(changedOverrides(before, [change], inherited).get('retention.ms'), '2');
    assert.equal(before.get('retention.ms'), '1');
  });

  it('is for lists only, where it adds or takes', () => {
    assert.equal(isListOption('cleanup.policy'), true);
    assert.equal(isListOption('leader.replication.throttled.replicas'), true);
    assert.equal(isListOption('retention.ms'), false);
    assert.equal(isListOption('no.such'), false);
  });

  it('is none when names and values are the same', () => {
    const one = new Map([['a', '1']]);
    assert.equal(isSameOverrides(one, new Map([['a', '1']])), true);
    assert.equal(isSameOverrides(one, new Map([['a', '2']])), false);
    assert.equal(isSameOverrides(one, new Map([['b', '1']])), false);
    assert.equal(isSameOverrides(one, new Map()), false);
  });
});

describe('a long row of changes', () => {
  it('leaves what a model of sets of members has', () => {
    const dice = new SeededRandom(31);
    const names = ['cleanup.policy', 'leader.replication.throttled.replicas'];
    const members = ['delete', 'compact', '0:1', '1:1'];
    let overrides = new Map<string, string>();
    // By name the members in force, in order; absent: inherited.
    const model = new Map<string, readonly string[]>();
    for (let round = 0; round < 3000; round++) {
      const name = names[dice.below(names.length)] ?? '';
      const named = members.filter(() => dice.below(3) === 0);
      const operation = dice.below(4);
      const step: ConfigChange = { name, operation, value: named.join(',') };
      overrides = changedOverrides(overrides, [step], inherited);
      const before = model.get(name) ?? (name === 'cleanup.policy' ? ['delete'] : []);
      if (operation === set) model.set(name, named);
      else if (operation === remove) model.delete(name);
      else if (operation === append) {
        model.set(name, [...before, ...named.filter((each) => !before.includes(each))]);
      } else {
        model.set(
          name,
          before.filter((each) => !named.includes(each)),
        );
      }
      const expected = Array.from(model, ([key, value]) => [key, value.join(',')] as const);
      assert.deepEqual(overrides, new Map(expected), `round ${round}`);
    }
  });
});
