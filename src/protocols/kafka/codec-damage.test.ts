import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SeededRandom } from '../../../simulation/random.ts';
import { ProtocolViolation } from '../../kernel/errors.ts';
import { type Api, apiKeys, apis } from './api-keys.ts';
import { decode } from './decode.ts';
import { FetchRequest } from './fetch-request.ts';
import { RequestHeader } from './frame.ts';
import { layoutOf, type Step } from './plan.ts';
import { ProduceRequest } from './produce-request.ts';
import { encodeLoosely, randomMessage } from './random-message.fuzz.ts';
import { Reader } from './reader.ts';

const header = new RequestHeader();
const produce = new ProduceRequest();
const fetch = new FetchRequest();
const reader = new Reader();

/** Runs every decoder that a broker would run on this body. */
function readBody(api: Api, version: number, bytes: Uint8Array, end: number): void {
  decode(api.request, version, bytes, 0, end);
}

function walkBody(api: Api, version: number, bytes: Uint8Array, end: number): void {
  reader.reset(bytes, 0, end);
  if (api.key === apiKeys.produce) {
    produce.begin(reader, version);
    while (produce.nextTopic()) while (produce.nextPartition());
  } else if (api.key === apiKeys.fetch) {
    fetch.begin(reader, version);
    while (fetch.nextTopic()) while (fetch.nextPartition());
    fetch.beginForgotten();
    while (fetch.nextForgottenTopic()) while (fetch.nextForgottenPartition());
  }
}

const walked: readonly number[] = [apiKeys.produce, apiKeys.fetch];

function decodersOf(api: Api): readonly (typeof readBody)[] {
  return walked.includes(api.key) ? [readBody, walkBody] : [readBody];
}

/** Whether the peer was refused; anything thrown but a violation fails the test. */
function isNotUtf8(run: () => void): boolean {
  try {
    run();
  } catch (error) {
    return error instanceof Error && error.message.includes('is not UTF-8');
  }
  return false;
}

function isRefused(run: () => void, what: string): boolean {
  try {
    run();
    return false;
  } catch (error) {
    assert.ok(error instanceof ProtocolViolation, `${what}: ${String(error)}`);
    return true;
  }
}

function forEachVersion(body: (api: Api, version: number) => void): void {
  for (const api of apis) {
    for (let version = api.handledMin; version <= api.max; version++) body(api, version);
  }
}

describe('a damaged request', () => {
  it('is refused wherever it was cut', () => {
    const dice = new SeededRandom(21);
    forEachVersion((api, version) => {
      for (let round = 0; round < 3; round++) {
        const values = randomMessage(api.request, version, dice);
        const bytes = encodeLoosely(api.request, version, values);
        for (let end = 0; end < bytes.length; end++) {
          const what = `${api.name} v${version} cut at ${end} of ${bytes.length}`;
          for (const run of decodersOf(api)) {
            assert.ok(
              isRefused(() => run(api, version, bytes, end), what),
              what,
            );
          }
        }
      }
    });
  });

  it('with any bytes overwritten is decoded or refused, nothing else', () => {
    const dice = new SeededRandom(22);
    const hostile = [0, 1, 0x7f, 0x80, 0xff];
    let refused = 0;
    let decoded = 0;
    forEachVersion((api, version) => {
      const bytes = encodeLoosely(api.request, version, randomMessage(api.request, version, dice));
      for (let round = 0; round < 200; round++) {
        const damaged = bytes.slice();
        const at = dice.below(Math.max(bytes.length, 1));
        const count = 1 + dice.below(5);
        damaged.fill(hostile[dice.below(hostile.length)] ?? 0, at, at + count);
        for (const run of decodersOf(api)) {
          const what = `${api.name} v${version} damaged at ${at}`;
          if (isRefused(() => run(api, version, damaged, damaged.length), what)) refused++;
          else decoded++;
        }
      }
    });
    assert.ok(refused > 1000 && decoded > 1000, `${refused} refused, ${decoded} decoded`);
  });

  it('of random bytes is decoded or refused, nothing else', () => {
    const dice = new SeededRandom(23);
    forEachVersion((api, version) => {
      for (let round = 0; round < 100; round++) {
        const bytes = new Uint8Array(dice.below(120));
        dice.fill(bytes);
        for (const run of decodersOf(api)) {
          isRefused(() => run(api, version, bytes, bytes.length), `${api.name} v${version}`);
        }
      }
    });
  });

  it('is seen the same by the cursors and by the schema, where followers send nothing', () => {
    const dice = new SeededRandom(24);
    for (const api of apis.filter(({ key }) => walked.includes(key))) {
      // From version 17 a follower's tag may be malformed, and only the schema looks into it.
      for (let version = api.handledMin; version <= Math.min(api.max, 16); version++) {
        const bytes = encodeLoosely(
          api.request,
          version,
          randomMessage(api.request, version, dice),
        );
        for (let round = 0; round < 200; round++) {
          const damaged = bytes.slice();
          damaged[dice.below(bytes.length)] = dice.below(256);
          const what = `${api.name} v${version} round ${round}`;
          // Only the schema makes text of names; the cursors hand out bytes.
          if (isNotUtf8(() => readBody(api, version, damaged, damaged.length))) continue;
          const bySchema = isRefused(() => readBody(api, version, damaged, damaged.length), what);
          const byHand = isRefused(() => walkBody(api, version, damaged, damaged.length), what);
          assert.equal(byHand, bySchema, what);
        }
      }
    }
  });
});

describe('a damaged header', () => {
  it('is refused or read, and never past its end', () => {
    const dice = new SeededRandom(25);
    for (let round = 0; round < 20_000; round++) {
      const bytes = new Uint8Array(dice.below(40));
      dice.fill(bytes);
      // Mostly keys and versions that exist, or nothing behind them would ever be read.
      const api = apis[dice.below(apis.length)];
      if (bytes.length >= 4 && api !== undefined) {
        bytes.set([0, api.key, 0, dice.below(api.max + 2)]);
      }
      reader.reset(bytes, 0, bytes.length);
      isRefused(() => header.read(reader), `round ${round}`);
      assert.ok(reader.position <= bytes.length);
    }
  });
});

/** The fewest bytes that a field takes. Zeros are short strings, numbers and null. */
function shortest({ kind, bytesMin, nullable }: Step, flexible: boolean): readonly number[] {
  if (flexible && !nullable && (kind === 'string' || kind === 'bytes')) return [1];
  return new Array<number>(bytesMin).fill(0);
}

describe('a hostile count', () => {
  it('is refused at once in every array of every version', () => {
    let arrays = 0;
    forEachVersion((api, version) => {
      const { steps, flexible } = layoutOf(api.request, version);
      const first = steps.findIndex((step) => step.kind === 'array');
      if (first < 0) return;
      const before = steps.slice(0, first).flatMap((step) => shortest(step, flexible));
      const counts = flexible ? ['ffffffff0f', '8080808008', '8101'] : ['7fffffff', '00000100'];
      for (const count of counts) {
        const bytes = new Uint8Array([
          ...before,
          ...Buffer.from(count, 'hex'),
          ...new Uint8Array(64),
        ]);
        arrays++;
        assert.throws(
          () => readBody(api, version, bytes, bytes.length),
          /more elements than bytes follow/,
          `${api.name} v${version}`,
        );
        if (walked.includes(api.key)) {
          assert.throws(() => walkBody(api, version, bytes, bytes.length), ProtocolViolation);
        }
      }
    });
    assert.ok(arrays > 100);
  });
});
