import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPattern, matches } from './topic-names.ts';

test('stars and question marks stand for characters, all else for itself', () => {
  const names = ['orders', 'orders.new', 'orders-1', 'ordersXnew', 'my-orders'];
  const matching = (pattern: string): string[] => names.filter((name) => matches(pattern, name));
  assert.deepEqual(matching('orders'), ['orders']);
  assert.deepEqual(matching('orders.new'), ['orders.new']);
  assert.deepEqual(matching('orders?*'), ['orders.new', 'orders-1', 'ordersXnew']);
  assert.deepEqual(matching('*orders'), ['orders', 'my-orders']);
  assert.deepEqual(matching('*'), names);
  assert.ok(isPattern('a*') && isPattern('a?') && !isPattern('a.b-c_d'));
});

test('a pattern of many stars is matched as quickly as one', () => {
  const name = 'a'.repeat(249);
  assert.ok(!matches(`${'*a'.repeat(100)}*b`, name));
  assert.ok(matches(`${'*a'.repeat(100)}*`, name));
  assert.ok(!matches('', 'a') && matches('', '') && matches('**', ''));
});
