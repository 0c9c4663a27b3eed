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

/** `*` is any number of characters, `?` is one. */
export function patternOf(pattern: string): RegExp {
  const source = pattern.replace(/[\\^$.|+()[\]{}]/g, '\\$&').replace(/\*+/g, '.*');
  return new RegExp(`^${source.replaceAll('?', '.')}$`);
}

/** In the order of their names. Internal ones only when asked for by a pattern that begins like them. */
export async function matchingTopics(
  session: AdminSession,
  patterns: readonly string[],
  signal?: AbortSignal,
): Promise<TopicSummary[]> {
  const tests = patterns.map((pattern) => ({ pattern, expression: patternOf(pattern) }));
  const found: TopicSummary[] = [];
  for await (const topic of session.pages<TopicSummary>('/v1/topics', { signal })) {
    const isWanted = tests.some(
      ({ pattern, expression }) =>
        expression.test(topic.name) && (!topic.isInternal || pattern.startsWith('_')),
    );
    if (isWanted) found.push(topic);
  }
  return found;
}
