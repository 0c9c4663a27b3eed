/**
 * Decodes a message by its schema: bytes to a plain object.
 *
 * Owns: the order of reading, nulls, tagged fields. Leaves: bounds to reader.ts.
 *
 * Bytes after the last field are ignored, as Kafka does. Unknown tagged fields are skipped by their
 * size [KIP-482]; a known one may be shorter than its size, never longer.
 */

import { assert, assertNever } from '../../kernel/assert.ts';
import { decodeUtf8Strict, formatUuidShort } from '../../kernel/bytes.ts';
import { type Layout, layoutOf, type Step } from './plan.ts';
import { Reader, violation } from './reader.ts';
import type { Decoded, Members, Message } from './schema.ts';

type Mutable = Record<string, unknown>;

/**
 * Decodes bytes[start, end). Views in the result are borrowed from `bytes`.
 *
 * @throws ProtocolViolation when the bytes are no such message.
 */
export function decode<M extends Members>(
  message: Message<M>,
  version: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): Decoded<M> {
  const reader = new Reader();
  reader.reset(bytes, start, end);
  return decodeFrom(message, version, reader);
}

/** As `decode`, from where `reader` stands; leaves it after the message. */
export function decodeFrom<M extends Members>(
  message: Message<M>,
  version: number,
  reader: Reader,
): Decoded<M> {
  return readStruct(layoutOf(message, version), reader) as Decoded<M>;
}

function readStruct(layout: Layout, reader: Reader): Mutable {
  const result: Mutable = {};
  const { steps, tagged, absent, flexible } = layout;
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i]!;
    result[step.name] = readValue(step, flexible, reader);
  }
  for (let i = 0; i < absent.length; i++) result[absent[i]!.name] = absent[i]!.fallback;
  for (let i = 0; i < tagged.length; i++) result[tagged[i]!.name] = tagged[i]!.fallback;
  if (flexible) {
    if (tagged.length === 0) reader.skipTags();
    else readTags(tagged, reader, result);
  }
  return result;
}

function readTags(tagged: readonly Step[], reader: Reader, result: Mutable): void {
  const outerEnd = reader.end;
  for (let left = reader.uvarint(); left > 0; left--) {
    const tag = reader.uvarint();
    const size = reader.uvarint();
    const at = reader.take(size);
    const step = tagged.find((candidate) => candidate.tag === tag);
    if (step === undefined) continue;
    reader.position = at;
    reader.end = at + size;
    result[step.name] = readValue(step, true, reader);
    reader.end = outerEnd;
    reader.position = at + size;
  }
}

function readValue(step: Step, flexible: boolean, reader: Reader): unknown {
  switch (step.kind) {
    case 'int8':
      return reader.int8();
    case 'int16':
      return reader.int16();
    case 'int32':
      return reader.int32();
    case 'int64':
      return reader.int64();
    case 'float64':
      return reader.float64();
    case 'bool':
      return reader.int8() !== 0;
    case 'uuid':
      return formatUuidShort(reader.bytes, reader.take(16));
    case 'string':
      return readText(step, flexible, reader);
    case 'bytes':
      return readBytes(step, flexible, reader);
    case 'array':
      return readArray(step, flexible, reader);
    case 'struct':
      return readMember(step, reader);
    default:
      return assertNever(step.kind, 'a kind of field');
  }
}

function readText(step: Step, flexible: boolean, reader: Reader): string | null {
  const length = reader.stringLength(flexible);
  if (length < 0) return refuseNull(step);
  const at = reader.take(length);
  // A replaced byte would make the text longer than what may be sent back.
  const text = decodeUtf8Strict(reader.bytes, at, at + length);
  if (text === null) throw violation(`the field ${step.name} is not UTF-8`);
  return text;
}

function readBytes(step: Step, flexible: boolean, reader: Reader): Uint8Array | null {
  const length = reader.bytesLength(flexible);
  if (length < 0) return refuseNull(step);
  const at = reader.take(length);
  return reader.bytes.subarray(at, at + length);
}

function readArray(step: Step, flexible: boolean, reader: Reader): unknown[] | null {
  const element = step.element;
  assert(element !== null, 'an array has elements');
  const count = reader.arrayCount(flexible, element.bytesMin);
  if (count < 0) return refuseNull(step);
  reader.spendElements(count);
  // Grown by push: a hostile count must not reserve memory for elements that turn out not to be there.
  const result: unknown[] = [];
  for (let i = 0; i < count; i++) result.push(readValue(element, flexible, reader));
  return result;
}

/** A struct that may be null is preceded by a byte: negative for null. */
function readMember(step: Step, reader: Reader): Mutable | null {
  assert(step.layout !== null, 'a struct has members');
  if (step.nullable && reader.int8() < 0) return null;
  return readStruct(step.layout, reader);
}

function refuseNull(step: Step): null {
  if (!step.nullable) throw violation(`the field ${step.name} must not be null`);
  return null;
}
