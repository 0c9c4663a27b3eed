/**
 * Long lists in pages: in the order of a name, those behind `after`, at most `limit`.
 */

import { integer, type ObjectValue, optional, text, withDefault } from './schema.ts';

export const pageQuery = {
  after: optional(text({ max: 1024, text: 'Only what is behind this name.' })),
  limit: withDefault(integer({ min: 1, max: 1000, text: 'At most so many.' }), 100),
} as const;

export interface Page<T> {
  readonly items: readonly T[];
  /** What to ask for `after`; null: this was the last page. */
  readonly next: string | null;
}

/** Names are compared by their code units: any order will do that does not change. */
export function pageOf<T>(
  all: Iterable<T>,
  nameOf: (item: T) => string,
  { after, limit }: ObjectValue<typeof pageQuery>,
): Page<T> {
  const behind = Array.from(all).filter((item) => after === undefined || nameOf(item) > after);
  behind.sort((left, right) => (nameOf(left) < nameOf(right) ? -1 : 1));
  const items = behind.slice(0, limit);
  const last = items.at(-1);
  return { items, next: behind.length > limit && last !== undefined ? nameOf(last) : null };
}
