/**
 * What clients know of groups: what they committed, and what the broker has confirmed of it.
 *
 * Owns: for each offset the values that it may have after a crash: the confirmed one, or what was
 * asked for later. Within a life only the latest is right.
 */
import type { PartitionHistory } from './partition-history.ts';
import { promise } from './violation.ts';

/** Nothing committed. */
export const noOffset = -1;

/** One value over time: which changes of it are confirmed. */
class Changes {
  /** The confirmed one first. */
  private values: number[] = [noOffset];
  private first = 0;

  get latest(): number {
    return this.values.at(-1) ?? noOffset;
  }

  /** The number of the latest change. */
  get number(): number {
    return this.first + this.values.length - 1;
  }

  put(value: number): number {
    this.values.push(value);
    return this.number;
  }

  confirm(number: number): void {
    const count = number - this.first;
    if (count <= 0) return;
    this.values.splice(0, count);
    this.first = number;
  }

  /** After a crash: one of them it is. */
  settle(found: number, what: string): void {
    promise(this.values.includes(found), `${what} is ${found}, of ${this.values.join()}`);
    this.restart(found);
  }

  /** After a crash, where others may have raised the value: it is at least the least of them. */
  settleFrom(found: number, what: string): void {
    promise(found >= Math.min(...this.values), `${what} is ${found}, of ${this.values.join()}`);
    this.restart(found);
  }

  private restart(found: number): void {
    this.first = this.number;
    this.values = [found];
  }
}

export class GroupHistory {
  readonly name: string;
  /** The highest generation whose shares were confirmed. */
  private readonly generation = new Changes();
  private readonly offsets = new Map<PartitionHistory, Changes>();
  /** Of offsets in this group: each commit is larger than all before. */
  private counter = 0;

  constructor(name: string) {
    this.name = name;
  }

  nextOffset(): number {
    return ++this.counter;
  }

  latest(partition: PartitionHistory): number {
    return this.of(partition).latest;
  }

  /** Returns what is to be called when the broker has confirmed it. */
  put(partition: PartitionHistory, offset: number): () => void {
    const changes = this.of(partition);
    const number = changes.put(offset);
    return () => changes.confirm(number);
  }

  /** The latest value was seen: what is to be called once that answer has come. */
  see(partition: PartitionHistory, offset: number): () => void {
    const changes = this.of(partition);
    promise(
      offset === changes.latest,
      `${this.name} on ${partition.name} is ${offset}, and ${changes.latest} was committed`,
    );
    const { number } = changes;
    return () => changes.confirm(number);
  }

  /** The group is deleted, with all that it has. */
  clear(): () => void {
    const all = [...this.offsets.values(), this.generation];
    const numbers = all.map((changes) => changes.put(noOffset));
    return () => {
      for (const [i, changes] of all.entries()) changes.confirm(numbers[i] ?? 0);
    };
  }

  /** A member was given its share of a generation. */
  share(generation: number): () => void {
    const { generation: changes } = this;
    if (generation > changes.latest) changes.put(generation);
    const { number } = changes;
    return () => changes.confirm(number);
  }

  /** After a crash. `found`: the offset of a partition that is there. */
  restart(
    generation: number,
    partitions: readonly PartitionHistory[],
    found: (partition: PartitionHistory) => number,
  ): void {
    const there = new Set(partitions);
    for (const [partition, changes] of [...this.offsets]) {
      if (there.has(partition)) {
        changes.settle(found(partition), `${this.name} on ${partition.name}`);
      } else this.offsets.delete(partition);
    }
    for (const partition of partitions) {
      const isNew = !this.offsets.has(partition);
      if (isNew) promise(found(partition) === noOffset, `${this.name} has what nobody committed`);
    }
    // One that was never shared may have followed.
    this.generation.settleFrom(generation, `the generation of ${this.name}`);
  }

  private of(partition: PartitionHistory): Changes {
    let changes = this.offsets.get(partition);
    if (changes === undefined) {
      changes = new Changes();
      this.offsets.set(partition, changes);
    }
    return changes;
  }
}
