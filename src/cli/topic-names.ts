/**
 * Topics by name and by pattern: `orders`, `orders-*`, `log-?`.
 */

import type { AdminSession } from './admin-session.ts';

export interface TopicSummary {
  readonly name: string;
  readonly id: string;
  readonly isInternal: boolean;
  readonly partitions: number;
  readonly records: number;
  readonly bytes: number;
}

/** Characters that no topic name has. */
export function isPattern(name: string): boolean {
  return /[*?]/.test(name);
}

/** `*` is any number of characters, `?` is one. Takes length of pattern times length of name at most. */
export function matches(pattern: string, name: string): boolean {
  let star = -1;
  let restart = 0;
  let p = 0;
  for (let n = 0; n < name.length; ) {
    if (pattern[p] === '*') {
      star = p++;
      restart = n;
    } else if (pattern[p] === '?' || pattern[p] === name[n]) {
      p++;
      n++;
    } else if (star >= 0) {
      // The last star takes one character more.
      p = star + 1;
      n = ++restart;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}

/** In the order of their names. Internal ones only when asked for by a pattern that begins like them. */
export async function matchingTopics(
  session: AdminSession,
  patterns: readonly string[],
  signal?: AbortSignal,
): Promise<TopicSummary[]> {
  const found: TopicSummary[] = [];
  for await (const topic of session.pages<TopicSummary>('/v1/topics', { signal })) {
    const isWanted = patterns.some(
      (pattern) => matches(pattern, topic.name) && (!topic.isInternal || pattern.startsWith('_')),
    );
    if (isWanted) found.push(topic);
  }
  return found;
}
