/**
 * Valid messages at random, for every version of every schema: what round-trip, differential and
 * damage tests feed on.
 *
 * Owns: values that decode to themselves: a field that the version lacks has its fallback, a uuid its
 * one spelling. Small on purpose, so that cutting at every byte stays cheap.
 */

import { assert } from '../../kernel/assert.ts';
import { ByteWriter } from '../../kernel/byte-writer.ts';
import { formatUuidShort } from '../../kernel/bytes.ts';
import { encode } from './encode.ts';
import { type Layout, layoutOf, type Step } from './plan.ts';
import type { DecodedOf, Draft, Members, Message } from './schema.ts';

/** What the generator needs of a seeded random source. */
export interface Dice {
  /** A uniform integer in [0, end). */
  below(end: number): number;
  fill(target: Uint8Array): void;
}

const elementsMax = 4;
const texts = ['', 'a', 'orders.eu_1', 'zürich', '€', '😀', 'x'.repeat(130)];

export function randomMessage<T extends Message>(
  message: T,
  version: number,
  dice: Dice,
): DecodedOf<T> {
  return randomStruct(layoutOf(message, version), dice) as DecodedOf<T>;
}

/** The bytes of a message whose static type is not known: what `randomMessage` gave is complete. */
export function encodeLoosely(message: Message, version: number, values: unknown): Uint8Array {
  const writer = new ByteWriter();
  encode(message, version, values as Draft<Members>, writer);
  return writer.toBytes();
}

function randomStruct(layout: Layout, dice: Dice): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const step of layout.steps) result[step.name] = randomValue(step, dice);
  for (const step of layout.absent) result[step.name] = step.fallback;
  for (const step of layout.tagged) {
    result[step.name] = dice.below(2) === 0 ? step.fallback : randomValue(step, dice);
  }
  return result;
}

function randomValue(step: Step, dice: Dice): unknown {
  if (step.nullable && dice.below(4) === 0) return null;
  switch (step.kind) {
    case 'int8':
      return dice.below(256) - 128;
    case 'int16':
      return dice.below(65_536) - 32_768;
    case 'int32':
      return dice.below(2 ** 32) - 2 ** 31;
    case 'int64':
      return randomInt64(dice);
    case 'float64':
      return (dice.below(2 ** 32) - 2 ** 31) / 8;
    case 'bool':
      return dice.below(2) === 1;
    case 'string':
      return texts[dice.below(texts.length)];
    case 'uuid':
      return formatUuidShort(randomBytes(16, dice));
    case 'bytes':
      return randomBytes(dice.below(200), dice);
    case 'array': {
      const element = step.element;
      assert(element !== null, 'an array has elements');
      return Array.from({ length: dice.below(elementsMax) }, () => randomValue(element, dice));
    }
    case 'struct':
      assert(step.layout !== null, 'a struct has members');
      return randomStruct(step.layout, dice);
  }
}

function randomInt64(dice: Dice): number {
  const special = [-1, 0, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER];
  if (dice.below(4) === 0) return special[dice.below(special.length)] ?? 0;
  return (dice.below(2 ** 21) - 2 ** 20) * 2 ** 32 + dice.below(2 ** 32);
}

function randomBytes(length: number, dice: Dice): Uint8Array {
  const bytes = new Uint8Array(length);
  dice.fill(bytes);
  return bytes;
}
