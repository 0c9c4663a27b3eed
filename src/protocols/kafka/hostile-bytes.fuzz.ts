/**
 * Requests that no client would send: valid ones with something wrong in them, on purpose and at
 * random, for every version of every schema.
 *
 * Owns: where lies are told (counts, lengths, nulls, tagged fields) and what they say.
 * Leaves: what has to come of it to decoder-target.fuzz.ts and connection-target.fuzz.ts.
 */

import type { SeededRandom } from '../../../simulation/random.ts';
import { ByteWriter } from '../../kernel/byte-writer.ts';
import { viewOf } from '../../kernel/bytes.ts';
import { batchSize, sealBatch } from '../../record/batch.ts';
import { buildBatch } from '../../record/batch-builder.ts';
import { codec } from '../../record/compression/index.ts';
import { type Layout, layoutOf, type Step } from './plan.ts';
import { encodeLoosely, randomMessage } from './random-message.fuzz.ts';
import type { Message } from './schema.ts';

const evilInt32 = [0x7fff_ffff, -0x8000_0000, -1, -2, 0, 1, 0xffff, 0x0100_0000, 1_000_000];
const evilInt16 = [0x7fff, -0x8000, -1, -2, 0, 1, 255];
/** As varints: 2^31, 2^32 - 1, too long, unended, and small ones that are spelled long. */
const evilVarints = [
  '8080808008',
  'ffffffff0f',
  'ffffffffff7f',
  '8080808080808001',
  'ff',
  '818000',
];
const evilBytes = [0, 1, 0x7f, 0x80, 0xfe, 0xff];

/** Of texts that mean something to a broker, so that requests get further than "no such topic". */
export const knownNames = ['t', 'u', 'many', 'group', '', '.', 'x'.repeat(249), 'x'.repeat(300)];

/** The bytes of one request's body, wrong in at least one way most of the time. */
export function hostileBody(message: Message, version: number, dice: SeededRandom): Uint8Array {
  switch (dice.below(4)) {
    case 0:
      return randomBytes(dice, 400);
    case 1:
      return mutated(validBody(message, version, dice), dice);
    default:
      return new LyingEncoder(dice, dice.pick([0, 0.01, 0.05, 0.3])).encode(message, version);
  }
}

export function validBody(message: Message, version: number, dice: SeededRandom): Uint8Array {
  return encodeLoosely(message, version, randomMessage(message, version, dice));
}

function randomBytes(dice: SeededRandom, lengthMax: number): Uint8Array {
  const bytes = new Uint8Array(dice.below(lengthMax));
  dice.fill(bytes);
  return bytes;
}

/** One to four changes: bytes overwritten, taken out, repeated, put in; the end cut off. */
function mutated(bytes: Uint8Array, dice: SeededRandom): Uint8Array {
  let result = bytes;
  for (let left = 1 + dice.below(4); left > 0; left--) result = mutatedOnce(result, dice);
  return result;
}

function mutatedOnce(bytes: Uint8Array, dice: SeededRandom): Uint8Array {
  const at = dice.below(bytes.length + 1);
  const length = dice.below(Math.min(16, bytes.length - at) + 1);
  const head = bytes.subarray(0, at);
  const tail = bytes.subarray(at + length);
  const piece = bytes.subarray(at, at + length);
  switch (dice.below(6)) {
    case 0:
      return head;
    case 1:
      return Buffer.concat([head, tail]);
    case 2:
      return Buffer.concat([head, ...new Array<Uint8Array>(1 + dice.below(50)).fill(piece), tail]);
    case 3:
      return Buffer.concat([head, randomBytes(dice, 9), piece, tail]);
    case 4: {
      const evil = new Uint8Array(length).fill(evilBytes[dice.below(evilBytes.length)] ?? 0);
      return Buffer.concat([head, evil, tail]);
    }
    default: {
      const evil = Buffer.alloc(4);
      evil.writeInt32BE(evilInt32[dice.below(evilInt32.length)] ?? 0);
      return Buffer.concat([head, evil, bytes.subarray(Math.min(at + 4, bytes.length))]);
    }
  }
}

/** Records that are well-formed, or nearly: with their CRC made right again, or wrong. */
function anyBatch(dice: SeededRandom, probability: number): Uint8Array {
  const records = Array.from({ length: 1 + dice.below(3) }, (_, i) => ({
    key: dice.chance(0.5) ? null : new Uint8Array([i]),
    value: randomBytes(dice, 50),
    timestamp: 1_800_000_000_000 - dice.below(1000),
  }));
  const compression = dice.pick([codec.none, codec.gzip, codec.snappy, codec.lz4]);
  const batch = buildBatch(records, { codec: compression });
  if (!dice.chance(probability * 5)) return batch;
  const damaged = batch.slice();
  for (let left = 1 + dice.below(3); left > 0; left--) {
    damaged[dice.below(damaged.length)] = evilBytes[dice.below(evilBytes.length)] ?? 0;
  }
  const view = viewOf(damaged);
  if (batchSize(view, 0) === damaged.length && dice.chance(0.7)) sealBatch(damaged, view, 0);
  return damaged;
}

/** Encodes by the layout, and lies at some of the places where a length, count or tag is said. */
class LyingEncoder {
  readonly #dice: SeededRandom;
  readonly #probability: number;
  readonly #writer = new ByteWriter();
  /** No message is to get long: nested arrays multiply. */
  #elementsLeft = 200;

  constructor(dice: SeededRandom, probability: number) {
    this.#dice = dice;
    this.#probability = probability;
  }

  encode(message: Message, version: number): Uint8Array {
    this.#struct(layoutOf(message, version));
    return this.#writer.toBytes();
  }

  #struct(layout: Layout): void {
    for (const step of layout.steps) this.#value(step, layout.flexible);
    if (layout.flexible) this.#tags(layout);
  }

  #tags(layout: Layout): void {
    const dice = this.#dice;
    const wanted: Step[] = layout.tagged.filter(() => dice.chance(0.5));
    // The same tag twice, and in the wrong order.
    if (wanted.length > 0 && this.#lies()) wanted.push(...wanted);
    const unknown = this.#lies() ? dice.below(20) : 0;
    this.#uvarint(wanted.length + unknown);
    for (const step of wanted) {
      const inner = new LyingEncoder(dice, this.#probability);
      inner.#value(step, true);
      this.#uvarint(step.tag);
      this.#blob(inner.#writer.toBytes());
    }
    for (let i = 0; i < unknown; i++) {
      this.#uvarint(dice.below(3) === 0 ? dice.uint32() : dice.below(10));
      this.#blob(randomBytes(dice, 20));
    }
  }

  #value(step: Step, flexible: boolean): void {
    const dice = this.#dice;
    const isNull = dice.chance(step.nullable ? 0.2 : this.#probability / 2);
    switch (step.kind) {
      case 'int8':
      case 'bool':
        return this.#writer.int8(evilBytes[dice.below(evilBytes.length)] ?? 0);
      case 'int16':
        return this.#writer.int16(this.#number(evilInt16));
      case 'int32':
        return this.#writer.int32(this.#number(evilInt32));
      case 'int64':
        this.#writer.int32(dice.below(3) === 0 ? this.#number(evilInt32) : 0);
        return this.#writer.int32(this.#number(evilInt32));
      case 'uuid': {
        const id = new Uint8Array(16);
        if (dice.below(2) === 0) dice.fill(id);
        return this.#writer.copy(id, 0, id.length);
      }
      case 'string':
        return this.#text(flexible, isNull);
      case 'bytes':
        return this.#bytes(flexible, isNull);
      case 'array':
        return this.#array(step, flexible, isNull);
      case 'struct':
        if (step.nullable) this.#writer.int8(isNull ? -1 : 1);
        if (step.layout !== null && !(step.nullable && isNull)) this.#struct(step.layout);
        return;
      default: {
        const any = new Uint8Array(step.bytesMin).fill(evilBytes[dice.below(6)] ?? 0);
        return this.#writer.copy(any, 0, any.length);
      }
    }
  }

  #array(step: Step, flexible: boolean, isNull: boolean): void {
    const count = isNull ? -1 : Math.min(this.#dice.below(5), this.#elementsLeft);
    this.#length(count, flexible, 4);
    this.#elementsLeft -= Math.max(0, count);
    for (let i = 0; i < count; i++) if (step.element !== null) this.#value(step.element, flexible);
  }

  #text(flexible: boolean, isNull: boolean): void {
    const dice = this.#dice;
    let text: Uint8Array = Buffer.from(knownNames[dice.below(knownNames.length)] ?? '');
    if (this.#lies()) text = randomBytes(dice, 30);
    if (this.#lies()) text = new Uint8Array(dice.pick([0x7fff, 0x8000, 70_000])).fill(0x61);
    this.#length(isNull ? -1 : text.length, flexible, 2);
    if (!isNull) this.#writer.copy(text, 0, text.length);
  }

  #bytes(flexible: boolean, isNull: boolean): void {
    const dice = this.#dice;
    const isBatch = dice.chance(0.7);
    const content = isBatch ? anyBatch(dice, this.#probability) : randomBytes(dice, 120);
    this.#length(isNull ? -1 : content.length, flexible, 4);
    if (!isNull) this.#writer.copy(content, 0, content.length);
  }

  #blob(content: Uint8Array): void {
    this.#uvarint(content.length);
    this.#writer.copy(content, 0, content.length);
  }

  #length(length: number, flexible: boolean, width: 2 | 4): void {
    if (flexible) this.#uvarint(length + 1);
    else if (width === 2) this.#writer.int16(this.#lies() ? this.#one(evilInt16) : length);
    else this.#writer.int32(this.#lies() ? this.#one(evilInt32) : length);
  }

  #uvarint(value: number): void {
    if (!this.#lies()) return this.#writer.uvarint(value);
    const evil = Buffer.from(evilVarints[this.#dice.below(evilVarints.length)] ?? '', 'hex');
    this.#writer.copy(evil, 0, evil.length);
  }

  #number(evil: readonly number[]): number {
    return this.#dice.below(2) === 0 ? this.#dice.below(4) : this.#one(evil);
  }

  #one(choices: readonly number[]): number {
    return choices[this.#dice.below(choices.length)] ?? 0;
  }

  #lies(): boolean {
    return this.#dice.chance(this.#probability);
  }
}

/**
 * The request that makes the most of its bytes: `field`, an array at any depth, has as many of the
 * smallest elements as fit, everything else is as small as can be. With `isDistinct` every text is
 * another one, of four characters.
 */
export function denseBody(
  message: Message,
  version: number,
  field: Step,
  bytesMax: number,
  isDistinct = false,
): Uint8Array {
  const dense = new DenseEncoder(field, bytesMax, isDistinct);
  dense.struct(layoutOf(message, version));
  return dense.writer.toBytes();
}

/** The arrays of a message, those inside of others too, tagged ones left out. */
export function arraysOf(layout: Layout): Step[] {
  return layout.steps.flatMap((step) => {
    const inner = step.element?.layout ?? step.layout;
    const own = step.kind === 'array' ? [step] : [];
    return inner === null ? own : [...own, ...arraysOf(inner)];
  });
}

class DenseEncoder {
  readonly writer = new ByteWriter();
  readonly #field: Step;
  readonly #bytesMax: number;
  readonly #isDistinct: boolean;
  #texts = 0;

  constructor(field: Step, bytesMax: number, isDistinct: boolean) {
    this.#field = field;
    this.#bytesMax = bytesMax;
    this.#isDistinct = isDistinct;
  }

  struct(layout: Layout): void {
    for (const step of layout.steps) {
      const { element } = step;
      if (step === this.#field && element !== null) {
        this.#many(element, layout.flexible);
      } else if (element?.layout != null && arraysOf(element.layout).includes(this.#field)) {
        this.#count(1, layout.flexible);
        this.struct(element.layout);
      } else {
        this.#smallest(step, layout.flexible);
      }
    }
    if (layout.flexible) this.writer.uint8(0);
  }

  /** As many as fit. How many those are is known when they are there, so they are written twice. */
  #many(element: Step, flexible: boolean): void {
    const start = this.writer.position;
    this.#smallest(element, flexible);
    const count = Math.floor(this.#bytesMax / (this.writer.position - start));
    this.writer.position = start;
    this.#count(count, flexible);
    for (let i = 0; i < count; i++) this.#smallest(element, flexible);
  }

  #count(count: number, flexible: boolean): void {
    if (flexible) this.writer.uvarint(count + 1);
    else this.writer.int32(count);
  }

  #smallest(step: Step, flexible: boolean): void {
    const { writer } = this;
    if (step.kind === 'string' && this.#isDistinct) return this.#text(flexible);
    const isLong = step.kind === 'string' || step.kind === 'bytes' || step.kind === 'array';
    if (isLong && flexible) return writer.uint8(step.nullable ? 0 : 1);
    if (step.kind === 'struct' && step.layout !== null) {
      if (step.nullable) return writer.int8(-1);
      for (const inner of step.layout.steps) this.#smallest(inner, flexible);
      if (step.layout.flexible) writer.uint8(0);
      return;
    }
    for (let i = 0; i < step.bytesMin; i++) writer.uint8(0);
  }

  #text(flexible: boolean): void {
    const text = (this.#texts++).toString(36).padStart(4, 'x').slice(-4);
    if (flexible) this.writer.uvarint(text.length + 1);
    else this.writer.int16(text.length);
    this.writer.utf8(text);
  }
}
