/**
 * The trace digest: one number for everything that happened, in order.
 *
 * Owns: turning notes (a name and up to two numbers) into a running 64-bit digest, counting them by
 * name, and the last few notes as text for a failure's report.
 *
 * Invariant: equal digests mean equal runs; a run that is not a function of its seed shows as two
 * digests for one seed. It is a check against accidents, not against adversaries.
 */
import { Ring } from '../src/kernel/ring.ts';

/** Notes kept for a report. */
const RECENT_NOTES = 200;

interface Note {
  readonly time: number;
  readonly name: string;
  readonly first: number;
  readonly second: number;
}

export class Trace {
  private readonly names = new Map<string, { readonly hash: number; count: number }>();
  private readonly recent = new Ring<Note>();
  private high = 0x811c_9dc5;
  private low = 0x1234_5678;
  /** Notes taken so far. */
  count = 0;

  /** `time` in whole microseconds. Names are a bounded set of constants: put what varies in the numbers. */
  note(time: number, name: string, first = 0, second = 0): void {
    this.count++;
    this.mix(this.hashOf(name));
    this.mixNumber(time);
    this.mixNumber(first);
    this.mixNumber(second);
    if (this.recent.length === RECENT_NOTES) this.recent.popFront();
    this.recent.pushBack({ time, name, first, second });
  }

  /** How often each name was noted. */
  counts(): Map<string, number> {
    return new Map([...this.names].map(([name, { count }]) => [name, count]));
  }

  /** 16 hex digits. */
  digest(): string {
    return hex32(this.high) + hex32(this.low);
  }

  /** The last notes, oldest first, one on a line. */
  tail(): string {
    const lines: string[] = [];
    for (let i = 0; i < this.recent.length; i++) {
      const note = this.recent.at(i);
      if (note) lines.push(`${note.time} us  ${note.name} ${note.first} ${note.second}`);
    }
    return lines.join('\n');
  }

  private mixNumber(value: number): void {
    this.mix(value | 0);
    this.mix(Math.floor(value / 2 ** 32) | 0);
  }

  private mix(word: number): void {
    this.high = Math.imul(this.high ^ word, 0x0100_0193);
    this.high ^= this.high >>> 15;
    this.low = Math.imul(this.low ^ word ^ this.high, 0x85eb_ca6b);
    this.low ^= this.low >>> 13;
  }

  private hashOf(name: string): number {
    let known = this.names.get(name);
    if (known === undefined) {
      let hash = 0x811c_9dc5;
      for (let i = 0; i < name.length; i++) {
        hash = Math.imul(hash ^ name.charCodeAt(i), 0x0100_0193);
      }
      known = { hash, count: 0 };
      this.names.set(name, known);
    }
    known.count++;
    return known.hash;
  }
}

function hex32(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}
