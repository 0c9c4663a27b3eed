import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeUtf8 } from '../kernel/bytes.ts';
import {
  decodeEnvelope,
  type EnvelopeProperties,
  encodeEnvelope,
  envelopeHeader,
} from './envelope.ts';

const header = (key: string, text: string) => ({ key, value: encodeUtf8(text) });

test('properties become readable headers before the ones of the user', () => {
  const headers = encodeEnvelope({
    properties: { priority: 4, contentType: 'text/plain', expiresAt: 1_700_000_000_000 },
    headers: [header('x-mine', '1')],
  });
  assert.deepEqual(headers, [
    header('content-type', 'text/plain'),
    header('priority', '4'),
    header('expires-at', '1700000000000'),
    header('x-mine', '1'),
  ]);
});

const text = fc.string({ unit: 'grapheme' });
const properties = fc.record(
  Object.fromEntries(
    Object.keys(envelopeHeader).map((name) => [
      name,
      name === 'priority' ? fc.nat(255) : name.endsWith('At') ? fc.maxSafeNat() : text,
    ]),
  ),
  { requiredKeys: [] },
) as fc.Arbitrary<EnvelopeProperties>;

test('an envelope comes back from its headers', () => {
  const own = text.filter((key) => !Object.values<string>(envelopeHeader).includes(key));
  const userHeaders = fc.array(fc.record({ key: own, value: fc.constant(null) }));
  fc.assert(
    fc.property(properties, userHeaders, (set, headers) => {
      const envelope = { properties: set, headers };
      const decoded = decodeEnvelope(encodeEnvelope(envelope));
      assert.deepEqual({ ...decoded.properties }, { ...set });
      assert.deepEqual(decoded.headers, headers);
    }),
  );
});

test('a header that is no valid property stays as it is', () => {
  const headers = [
    header('priority', 'high'),
    header('priority', '256'),
    header('priority', '07'),
    header('expires-at', '9007199254740992'),
    header('deliver-at', '-1'),
    { key: 'content-type', value: null },
    { key: 'message-id', value: Uint8Array.of(0xff) },
  ];
  assert.deepEqual(decodeEnvelope(headers), { properties: {}, headers });
});

test('only the first of several headers of a name is the property', () => {
  const headers = [header('type', 'a'), header('type', 'b')];
  assert.deepEqual(decodeEnvelope(headers), {
    properties: { type: 'a' },
    headers: [header('type', 'b')],
  });
  assert.deepEqual(encodeEnvelope(decodeEnvelope(headers)), headers);
});

test('names that objects have by themselves are ordinary user headers', () => {
  const headers = [header('__proto__', 'a'), header('constructor', 'b')];
  assert.deepEqual(decodeEnvelope(headers), { properties: {}, headers });
});
