import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadPackage } from './load-package.ts';

test('an installed package is loaded and a missing one is null', () => {
  assert.equal(typeof loadPackage('yaml')?.parse, 'function');
  assert.equal(loadPackage('polylog-no-such-package'), null);
});
