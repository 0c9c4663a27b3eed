/**
 * Encodes a message by its schema: a plain object to bytes.
 *
 * Owns: the order of writing, defaults, tagged fields. Leaves: prefixes to writer.ts.
 *
 * A tagged field is written only when it differs from its default [KIP-482]. A field that the
 * version lacks is left out silently: what an old client cannot see, it does not need.
 */

import { assert, assertNever } from '../../kernel/assert.ts';
import type { ByteWriter } from '../../kernel/byte-writer.ts';
import { parseUuidShort } from '../../kernel/bytes.ts';
import { varintSize } from '../../kernel/varint.ts';
import { type Layout, layoutOf, type Step } from './plan.ts';
import type { Draft, Members, Message } from './schema.ts';
import { zeroUuid } from './schema.ts';
import { writeArrayCount, writeBytesLength, writeString } from './writer.ts';

type Values = Readonly<Record<string, unknown>>;

export function encode<M extends Members>(
  message: Message<M>,
  version: number,
  draft: Draft<M>,
  writer: ByteWriter,
): void {
  writeStruct(layoutOf(message, version), draft, writer);
}

function writeStruct(layout: Layout, values: Values, writer: ByteWriter): void {
  const { steps, flexible } = layout;
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i]!;
    writeValue(step, flexible, pick(step, values), writer);
  }
  if (!flexible) return;
  if (layout.tagged.length === 0) writer.uint8(0);
  else writeTags(layout.tagged, values, writer);
}

function pick(step: Step, values: Values): unknown {
  const value = values[step.name];
  if (value !== undefined) return value;
  assert(step.optional, 'a draft has every field that has no default');
  return step.fallback;
}

function writeTags(tagged: readonly Step[], values: Values, writer: ByteWriter): void {
  const present = tagged.filter((step) => !isSame(pick(step, values), step.fallback));
  writer.uvarint(present.length);
  for (const step of present) {
    writer.uvarint(step.tag);
    // The size comes first and is a varint: the value is written behind one spare byte, then moved
    // when the size needs more.
    const at = writer.reserve(1);
    writeValue(step, true, pick(step, values), writer);
    const size = writer.position - at - 1;
    const extra = varintSize(size) - 1;
    writer.reserve(extra);
    if (extra > 0) writer.bytes.copyWithin(at + 1 + extra, at + 1, at + 1 + size);
    const after = writer.position;
    writer.position = at;
    writer.uvarint(size);
    writer.position = after;
  }
}

function writeValue(step: Step, flexible: boolean, value: unknown, writer: ByteWriter): void {
  switch (step.kind) {
    case 'int8':
      writer.int8(value as number);
      break;
    case 'int16':
      writer.int16(value as number);
      break;
    case 'int32':
      writer.int32(value as number);
      break;
    case 'int64':
      writer.int64(value as number);
      break;
    case 'float64':
      writer.float64(value as number);
      break;
    case 'bool':
      writer.int8(value === true ? 1 : 0);
      break;
    case 'uuid':
      writeUuid(value as string, writer);
      break;
    case 'string':
      assert(value !== null || step.nullable, 'null only where the version allows it');
      writeString(writer, flexible, value as string | null);
      break;
    case 'bytes':
      writeBytes(step, flexible, value as Uint8Array | null, writer);
      break;
    case 'array':
      writeArray(step, flexible, value as readonly unknown[] | null, writer);
      break;
    case 'struct':
      writeMember(step, value as Values | null, writer);
      break;
    default:
      assertNever(step.kind, 'a kind of field');
  }
}

function writeUuid(text: string, writer: ByteWriter): void {
  if (text === zeroUuid) {
    writer.ensure(16);
    writer.bytes.fill(0, writer.position, writer.position + 16);
    writer.position += 16;
    return;
  }
  const id = parseUuidShort(text);
  assert(id !== null, 'a topic id of 22 characters');
  writer.copy(id, 0, id.length);
}

function writeBytes(
  step: Step,
  flexible: boolean,
  value: Uint8Array | null,
  writer: ByteWriter,
): void {
  assert(value !== null || step.nullable, 'null only where the version allows it');
  writeBytesLength(writer, flexible, value === null ? -1 : value.length);
  if (value !== null) writer.copy(value, 0, value.length);
}

function writeArray(
  step: Step,
  flexible: boolean,
  value: readonly unknown[] | null,
  writer: ByteWriter,
): void {
  assert(step.element !== null, 'an array has elements');
  assert(value !== null || step.nullable, 'null only where the version allows it');
  writeArrayCount(writer, flexible, value === null ? -1 : value.length);
  if (value === null) return;
  for (let i = 0; i < value.length; i++) writeValue(step.element, flexible, value[i], writer);
}

/** A struct that may be null is preceded by a byte: -1 for null, else 1. */
function writeMember(step: Step, value: Values | null, writer: ByteWriter): void {
  assert(step.layout !== null, 'a struct has members');
  assert(value !== null || step.nullable, 'null only where the version allows it');
  if (step.nullable) writer.int8(value === null ? -1 : 1);
  if (value !== null) writeStruct(step.layout, value, writer);
}

/** Whether a tagged value is its default. An array's default is the empty one. */
function isSame(value: unknown, fallback: unknown): boolean {
  if (value === fallback) return true;
  if (Array.isArray(value) && Array.isArray(fallback)) return value.length === fallback.length;
  if (value === null || fallback === null) return false;
  if (typeof value !== 'object' || typeof fallback !== 'object') return false;
  const left = value as Values;
  const right = fallback as Values;
  return Object.keys(right).every((name) => isSame(left[name] ?? right[name], right[name]));
}
