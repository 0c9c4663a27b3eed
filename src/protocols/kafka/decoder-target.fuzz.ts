/**
 * Every request decoder, fed with nonsense: a value or a ProtocolViolation comes of it, and nothing
 * is read past the end. Which decoders there are follows from the table of APIs.
 */

import assert from 'node:assert/strict';
import type { FuzzTarget } from '../../../simulation/fuzz-target.ts';
import type { SeededRandom } from '../../../simulation/random.ts';
import { ProtocolViolation } from '../../kernel/errors.ts';
import { type Api, apiKeys, apis } from './api-keys.ts';
import { decodeFrom } from './decode.ts';
import { FetchRequest } from './fetch-request.ts';
import { RequestHeader } from './frame.ts';
import { hostileBody, validBody } from './hostile-bytes.fuzz.ts';
import { ProduceRequest } from './produce-request.ts';
import { Reader } from './reader.ts';

const reader = new Reader();
const header = new RequestHeader();
const produce = new ProduceRequest();
const fetch = new FetchRequest();
/** Bytes behind the frame, which nobody may look at: a length that reaches there is a violation. */
const behindBytes = 64;

/**
 * `odd`: a name that is no text. The schema refuses it; produce and fetch, which have decoders of
 * their own, look for a topic of that name and repeat its bytes.
 */
export type Verdict = 'valid' | 'odd' | 'refused';

/** Runs all that decode this API's requests. */
export function feed(api: Api, version: number, body: Uint8Array): Verdict {
  const bytes = new Uint8Array(body.length + behindBytes).fill(0xff);
  bytes.set(body);
  reader.reset(bytes, 0, body.length);
  const bySchema = runs(api, version, bytes, () => decodeFrom(api.request, version, reader));
  if (api.key !== apiKeys.produce && api.key !== apiKeys.fetch) {
    return bySchema ? 'refused' : 'valid';
  }
  reader.reset(bytes, 0, body.length);
  if (runs(api, version, bytes, () => walk(api, version))) return 'refused';
  return bySchema ? 'odd' : 'valid';
}

function walk(api: Api, version: number): void {
  if (api.key === apiKeys.produce) {
    produce.begin(reader, version);
    while (produce.nextTopic()) while (produce.nextPartition());
    return;
  }
  fetch.begin(reader, version);
  while (fetch.nextTopic()) while (fetch.nextPartition());
  fetch.beginForgotten();
  while (fetch.nextForgottenTopic()) while (fetch.nextForgottenPartition());
}

/** True when it refused. */
function runs(api: Api, version: number, bytes: Uint8Array, action: () => unknown): boolean {
  const end = bytes.length - behindBytes;
  let isRefused = false;
  try {
    action();
  } catch (error) {
    isRefused = error instanceof ProtocolViolation;
    if (!isRefused) throw foundIn(api, version, bytes.subarray(0, end), error);
  }
  if (reader.position > end) throw foundIn(api, version, bytes, 'read past its end');
  return isRefused;
}

export function foundIn(api: Api, version: number, body: Uint8Array, cause: unknown): Error {
  const hex = Buffer.from(body).toString('hex');
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  return new Error(`${api.name} v${version} ${hex.slice(0, 4000)}\n${text}`, { cause });
}

/** A version of an API, with those of fewer versions as often as those of many. */
export function anyVersion(dice: SeededRandom): [Api, number] {
  const api = apis[dice.below(apis.length)];
  assert.ok(api);
  return [api, dice.between(api.handledMin, api.max)];
}

const decoders: FuzzTarget = {
  name: 'kafka decoders',
  round(dice) {
    const [api, version] = anyVersion(dice);
    for (let i = 0; i < 20; i++) feed(api, version, hostileBody(api.request, version, dice));
    return 20;
  },
};

const cuts: FuzzTarget = {
  name: 'kafka prefix cuts',
  round(dice) {
    const [api, version] = anyVersion(dice);
    const body = validBody(api.request, version, dice);
    assert.equal(feed(api, version, body), 'valid', `${api.name} v${version} is valid`);
    for (let end = 0; end < body.length; end++) {
      if (feed(api, version, body.subarray(0, end)) === 'refused') continue;
      throw foundIn(api, version, body, `accepted when cut at ${end} of ${body.length}`);
    }
    return body.length;
  },
};

const headers: FuzzTarget = {
  name: 'kafka headers',
  round(dice) {
    for (let i = 0; i < 50; i++) {
      const bytes = new Uint8Array(dice.below(60));
      dice.fill(bytes);
      const [api, version] = anyVersion(dice);
      if (bytes.length >= 4) bytes.set([0, api.key, 0, version]);
      reader.reset(bytes, 0, bytes.length);
      try {
        header.read(reader);
      } catch (error) {
        if (!(error instanceof ProtocolViolation)) throw foundIn(api, version, bytes, error);
      }
      assert.ok(reader.position <= bytes.length, 'a header ends inside its frame');
    }
    return 50;
  },
};

export const targets: readonly FuzzTarget[] = [decoders, cuts, headers];
