/**
 * `npm run bench-smoke`: guards what makes the broker fast and does not depend on the machine.
 *
 * Each cost is a check, and so is each planted regression: it has to break the limit that is there for it.
 */
import { type Cost, measureCosts } from './costs.ts';
import type { Plant } from './hook.ts';

/** What a careless change would do, and the cost that tells. */
const plants: readonly { readonly plant: Plant; readonly cost: string }[] = [
  { plant: 'allocation', cost: 'heap bytes per record' },
  { plant: 'copy', cost: 'bytes copied per byte' },
  { plant: 'system-call', cost: 'system calls per 1000 records' },
];

let passed = 0;
let failed = 0;

function check(isGood: boolean, text: string): void {
  if (isGood) passed += 1;
  else failed += 1;
  console.log(`${isGood ? '  ok    ' : '  FAILED'} ${text}`);
}

function textOf({ load, name, value, limit }: Cost): string {
  return `${load}: ${value.toFixed(3)} ${name}, at most ${limit}`;
}

if (process.platform !== 'linux') {
  console.log('the counters are those of Linux\n0 passed, 0 failed');
} else {
  for (const isCountingCopies of [false, true]) {
    for (const cost of await measureCosts({ plant: 'none', isCountingCopies })) {
      check(cost.value <= cost.limit, textOf(cost));
    }
  }
  for (const { plant, cost } of plants) {
    const isCountingCopies = plant === 'copy';
    const costs = await measureCosts({ plant, isCountingCopies }, 'produce 64 KB');
    const broken = costs.find(({ name }) => name === cost);
    const isSeen = broken !== undefined && broken.value > broken.limit;
    check(isSeen, `a planted ${plant} is seen: ${broken === undefined ? cost : textOf(broken)}`);
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}
