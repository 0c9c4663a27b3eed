/**
 * Double-ended queues over a power-of-two ring.
 *
 * Owns: order, growth by doubling, wrap-around.
 * Invariant: the content is slots head … head + length - 1, taken modulo the capacity.
 *
 * `NumberRing` holds numbers in one typed array: in-flight offsets, sizes, deadlines. `Ring` holds
 * objects: parked requests, waiting consumers. An index counts from the oldest.
 */

import { assert } from './assert.ts';

function powerOfTwoFrom(capacity: number): number {
  return capacity <= 2 ? 2 : 2 ** Math.ceil(Math.log2(capacity));
}

export class NumberRing {
  length = 0;
  private slots: Float64Array;
  private head = 0;

  constructor(capacity = 16) {
    this.slots = new Float64Array(powerOfTwoFrom(capacity));
  }

  // HOT
  pushBack(value: number): void {
    if (this.length === this.slots.length) this.grow();
    this.slots[(this.head + this.length) & (this.slots.length - 1)] = value;
    this.length++;
  }

  // HOT
  pushFront(value: number): void {
    if (this.length === this.slots.length) this.grow();
    this.head = (this.head - 1) & (this.slots.length - 1);
    this.slots[this.head] = value;
    this.length++;
  }

  // HOT
  popFront(): number {
    assert(this.length > 0, 'pop from a ring with content');
    const value = this.slots[this.head]!;
    this.head = (this.head + 1) & (this.slots.length - 1);
    this.length--;
    return value;
  }

  // HOT
  popBack(): number {
    assert(this.length > 0, 'pop from a ring with content');
    this.length--;
    return this.slots[(this.head + this.length) & (this.slots.length - 1)]!;
  }

  // HOT
  at(index: number): number {
    assert(index >= 0 && index < this.length, 'index inside the ring');
    return this.slots[(this.head + index) & (this.slots.length - 1)]!;
  }

  // HOT
  set(index: number, value: number): void {
    assert(index >= 0 && index < this.length, 'index inside the ring');
    this.slots[(this.head + index) & (this.slots.length - 1)] = value;
  }

  /** Removes the oldest `count`. */
  dropFront(count: number): void {
    assert(count >= 0 && count <= this.length, 'drop inside the ring');
    this.head = (this.head + count) & (this.slots.length - 1);
    this.length -= count;
  }

  clear(): void {
    this.head = 0;
    this.length = 0;
  }

  get capacity(): number {
    return this.slots.length;
  }

  private grow(): void {
    const grown = new Float64Array(this.slots.length * 2);
    grown.set(this.slots.subarray(this.head), 0);
    grown.set(this.slots.subarray(0, this.head), this.slots.length - this.head);
    this.slots = grown;
    this.head = 0;
  }
}

export class Ring<T> {
  length = 0;
  private slots: (T | undefined)[];
  private head = 0;

  constructor(capacity = 16) {
    this.slots = new Array<T | undefined>(powerOfTwoFrom(capacity)).fill(undefined);
  }

  // HOT
  pushBack(value: T): void {
    if (this.length === this.slots.length) this.grow();
    this.slots[(this.head + this.length) & (this.slots.length - 1)] = value;
    this.length++;
  }

  pushFront(value: T): void {
    if (this.length === this.slots.length) this.grow();
    this.head = (this.head - 1) & (this.slots.length - 1);
    this.slots[this.head] = value;
    this.length++;
  }

  /** The oldest, removed; undefined when there is none. */
  // HOT
  popFront(): T | undefined {
    if (this.length === 0) return undefined;
    const value = this.slots[this.head];
    // The slot must not keep what it held alive.
    this.slots[this.head] = undefined;
    this.head = (this.head + 1) & (this.slots.length - 1);
    this.length--;
    return value;
  }

  /** Undefined outside of the content. */
  at(index: number): T | undefined {
    if (index < 0 || index >= this.length) return undefined;
    return this.slots[(this.head + index) & (this.slots.length - 1)];
  }

  peekFront(): T | undefined {
    return this.at(0);
  }

  clear(): void {
    this.slots.fill(undefined);
    this.head = 0;
    this.length = 0;
  }

  get capacity(): number {
    return this.slots.length;
  }

  private grow(): void {
    const tail = this.slots.slice(this.head);
    const front = this.slots.slice(0, this.head);
    const free = new Array<T | undefined>(this.slots.length).fill(undefined);
    this.slots = [...tail, ...front, ...free];
    this.head = 0;
  }
}
