/**
 * What a request may cost: memory in proportion to its bytes, time in proportion to its bytes.
 *
 * Each array of each version in turn is packed with as many elements as fit, and in the tagged
 * sections as many tags. What is decoded is held while memory is measured.
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { FuzzTarget } from '../../../simulation/fuzz-target.ts';
import type { SeededRandom } from '../../../simulation/random.ts';
import { ProtocolViolation } from '../../kernel/errors.ts';
import { type Api, apis } from './api-keys.ts';
import { decode } from './decode.ts';
import { foundIn } from './decoder-target.fuzz.ts';
import { arraysOf, denseBody } from './hostile-bytes.fuzz.ts';
import { layoutOf } from './plan.ts';

const smallBytes = 64 * 1024;
const largeBytes = 4 * smallBytes;

/**
 * Memory for a byte of the request. The smallest struct takes two bytes of the wire and becomes an
 * object of up to a dozen members.
 */
const memoryPerByteMax = 64;
const memoryExtraBytes = 2 * 1024 * 1024;
/** Four times the bytes: about four times the time, and never what a square would give. */
const growthMax = 10;
/** Under this nothing can be told from noise. */
const noiseMs = 250;

interface Case {
  readonly api: Api;
  readonly version: number;
  readonly name: string;
  make(bytes: number): Uint8Array;
}

/** Every array of every version of every request. */
export const cases: readonly Case[] = apis.flatMap((api) => {
  const versions = Array.from(
    { length: api.max - api.handledMin + 1 },
    (_, i) => api.handledMin + i,
  );
  return versions.flatMap((version) =>
    arraysOf(layoutOf(api.request, version)).map((field) => ({
      api,
      version,
      name: `${api.name} v${version} ${field.name}`,
      make: (bytes: number) => denseBody(api.request, version, field, bytes),
    })),
  );
});

let collect: (() => void) | null = null;

function collectGarbage(): void {
  if (collect === null) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
}

function memoryNow(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function decodeOrRefuse({ api, version }: Case, body: Uint8Array): unknown {
  try {
    return decode(api.request, version, body, 0, body.length);
  } catch (error) {
    if (error instanceof ProtocolViolation) return null;
    throw foundIn(api, version, body.subarray(0, 100), error);
  }
}

/** The bytes of memory that what is made of `body` takes. */
export function memoryOf(one: Case, body: Uint8Array): number {
  const before = memoryNow();
  const value = decodeOrRefuse(one, body);
  const taken = memoryNow() - before;
  return value === undefined ? 0 : taken;
}

/** The least of three tries, ms. */
function timeOf(one: Case, body: Uint8Array): number {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 3; i++) {
    const startedAt = performance.now();
    decodeOrRefuse(one, body);
    best = Math.min(best, performance.now() - startedAt);
  }
  return best;
}

export function assertCost(one: Case): void {
  const body = one.make(largeBytes);
  const memory = memoryOf(one, body);
  const allowed = memoryPerByteMax * body.length + memoryExtraBytes;
  if (memory > allowed) {
    throw new Error(`${one.name}: ${memory} bytes of memory for ${body.length}: over ${allowed}`);
  }
  const small = timeOf(one, one.make(smallBytes));
  const large = timeOf(one, body);
  if (large > noiseMs && large > growthMax * small) {
    throw new Error(`${one.name}: ${small} ms for ${smallBytes} bytes, ${large} ms for four times`);
  }
}

const cost: FuzzTarget = {
  name: 'kafka decoder cost',
  round(dice: SeededRandom) {
    const one = cases[dice.below(cases.length)];
    if (one === undefined) return 0;
    assertCost(one);
    return 1;
  },
};

export const targets: readonly FuzzTarget[] = [cost];
