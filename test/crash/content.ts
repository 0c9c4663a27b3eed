/**
 * What the suite's records contain: every value follows from its stream and its number, so that any
 * record found anywhere says whose it is and whether it is whole.
 *
 * Little-endian; `length` is that of the whole value.
 *
 *   off  size  field
 *   0    4     stream
 *   4    4     number of the record in its stream, from 0
 *   8    4     length, bytes
 *   12   …     noise, from a place that stream and number decide
 */
import { SeededRandom } from '../../simulation/random.ts';

const HEAD_BYTES = 12;
const NOISE_BYTES = 2 * 1024 * 1024;
const noise = Buffer.alloc(NOISE_BYTES);
new SeededRandom(1).fill(noise);

/** Value sizes of a stream, bytes, and how many records a batch of it has at most. */
export interface Shape {
  readonly min: number;
  readonly max: number;
  readonly batch: number;
}

export const shapes = {
  tiny: { min: HEAD_BYTES, max: 120, batch: 40 },
  /** One record a batch, as queues are often written. */
  single: { min: HEAD_BYTES, max: 300, batch: 1 },
  medium: { min: 1000, max: 12_000, batch: 6 },
  /** Over the size from which on batches are referenced instead of copied. */
  large: { min: 50_000, max: 200_000, batch: 2 },
  huge: { min: 300_000, max: 700_000, batch: 1 },
} as const satisfies Record<string, Shape>;

export type ShapeName = keyof typeof shapes;

function hashOf(stream: number, number: number): number {
  let hash = Math.imul(stream + 1, 0x9e37_79b1) ^ Math.imul(number + 1, 0x85eb_ca77);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b_3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}

function noiseOf(stream: number, number: number, length: number): Buffer {
  const start = hashOf(number, stream) % (NOISE_BYTES - length);
  return noise.subarray(start, start + length);
}

export function makeValue(stream: number, number: number, shape: Shape): Buffer {
  const length = shape.min + (hashOf(stream, number) % (shape.max - shape.min + 1));
  const value = Buffer.allocUnsafe(length);
  value.writeUInt32LE(stream, 0);
  value.writeUInt32LE(number, 4);
  value.writeUInt32LE(length, 8);
  noiseOf(stream, number, length - HEAD_BYTES).copy(value, HEAD_BYTES);
  return value;
}

/** Who a value says it is; null when it is not whole. */
export function identify(
  bytes: Uint8Array,
  start: number,
  length: number,
): { readonly stream: number; readonly number: number } | null {
  if (length < HEAD_BYTES) return null;
  const value = Buffer.from(bytes.buffer, bytes.byteOffset + start, length);
  const stream = value.readUInt32LE(0);
  const number = value.readUInt32LE(4);
  if (value.readUInt32LE(8) !== length || length > NOISE_BYTES) return null;
  const expected = noiseOf(stream, number, length - HEAD_BYTES);
  return value.compare(expected, 0, expected.length, HEAD_BYTES) === 0 ? { stream, number } : null;
}
