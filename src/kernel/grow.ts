/**
 * Growable arrays of numbers: an index of a million entries is one block of memory, not a million
 * objects.
 *
 * Owns: doubling, dropping from the front, search in sorted content.
 * Invariant: `length <= capacity`; `values[i]` is meaningful for i < length only.
 */

import { assert } from './assert.ts';

const initialCapacity = 16;

/** 64-bit floats: offsets, LSNs, positions, times. */
export class GrowableF64 {
  /** The backing array, for reads in a loop. Replaced when the array grows. */
  values: Float64Array;
  length = 0;

  constructor(capacity = initialCapacity) {
    this.values = new Float64Array(Math.max(capacity, 1));
  }

  // HOT
  push(value: number): void {
    if (this.length === this.values.length) this.resize(this.length * 2);
    this.values[this.length++] = value;
  }

  // HOT
  get(index: number): number {
    assert(index >= 0 && index < this.length, 'index inside the array');
    return this.values[index]!;
  }

  set(index: number, value: number): void {
    assert(index >= 0 && index < this.length, 'index inside the array');
    this.values[index] = value;
  }

  /** Keeps the first `length` values. */
  truncate(length: number): void {
    assert(length >= 0 && length <= this.length, 'truncation inside the array');
    this.length = length;
  }

  /** Removes the first `count` values; gives memory back when three quarters are unused. */
  dropFront(count: number): void {
    assert(count >= 0 && count <= this.length, 'drop inside the array');
    if (count === 0) return;
    this.values.copyWithin(0, count, this.length);
    this.length -= count;
    if (this.length * 4 < this.values.length && this.values.length > initialCapacity) {
      this.resize(Math.max(this.length * 2, initialCapacity));
    }
  }

  /** In ascending content: the first index whose value is not below `value`, or `length`. */
  // HOT
  lowerBound(value: number): number {
    return lowerBound(this.values, this.length, value);
  }

  /** Bytes held. */
  get bytes(): number {
    return this.values.byteLength;
  }

  private resize(capacity: number): void {
    const grown = new Float64Array(capacity);
    grown.set(this.values.subarray(0, this.length));
    this.values = grown;
  }
}

/**
 * Unsigned 32-bit integers: sizes, counts, positions inside a segment. Written out again instead of
 * made generic, so that every access sees one kind of array.
 */
export class GrowableU32 {
  /** The backing array, for reads in a loop. Replaced when the array grows. */
  values: Uint32Array;
  length = 0;

  constructor(capacity = initialCapacity) {
    this.values = new Uint32Array(Math.max(capacity, 1));
  }

  // HOT
  push(value: number): void {
    if (this.length === this.values.length) this.resize(this.length * 2);
    this.values[this.length++] = value;
  }

  // HOT
  get(index: number): number {
    assert(index >= 0 && index < this.length, 'index inside the array');
    return this.values[index]!;
  }

  set(index: number, value: number): void {
    assert(index >= 0 && index < this.length, 'index inside the array');
    this.values[index] = value;
  }

  /** Keeps the first `length` values. */
  truncate(length: number): void {
    assert(length >= 0 && length <= this.length, 'truncation inside the array');
    this.length = length;
  }

  /** Removes the first `count` values; gives memory back when three quarters are unused. */
  dropFront(count: number): void {
    assert(count >= 0 && count <= this.length, 'drop inside the array');
    if (count === 0) return;
    this.values.copyWithin(0, count, this.length);
    this.length -= count;
    if (this.length * 4 < this.values.length && this.values.length > initialCapacity) {
      this.resize(Math.max(this.length * 2, initialCapacity));
    }
  }

  /** In ascending content: the first index whose value is not below `value`, or `length`. */
  // HOT
  lowerBound(value: number): number {
    return lowerBound(this.values, this.length, value);
  }

  /** Bytes held. */
  get bytes(): number {
    return this.values.byteLength;
  }

  private resize(capacity: number): void {
    const grown = new Uint32Array(capacity);
    grown.set(this.values.subarray(0, this.length));
    this.values = grown;
  }
}

/** The first index below `length` whose value is not below `value`; `length` when there is none. */
// HOT
export function lowerBound(
  values: Float64Array | Uint32Array,
  length: number,
  value: number,
): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
