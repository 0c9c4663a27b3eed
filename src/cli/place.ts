/**
 * Places in a partition as people write them.
 *
 *     earliest  beginning  latest  end  17  -10  2026-01-31T12:00:00Z  10m
 */

import { CommandFailure, exitCode } from './failure.ts';

/** As the admin API takes them. */
export type Place =
  | number
  | 'earliest'
  | 'latest'
  | { readonly time: number }
  | { readonly fromEnd: number };

/** @throws CommandFailure */
export function parsePlace(flag: string, text: string): Place {
  if (text === 'earliest' || text === 'beginning') return 'earliest';
  if (text === 'latest' || text === 'end') return 'latest';
  if (/^\d{1,15}$/.test(text)) return Number(text);
  if (/^-\d{1,15}$/.test(text)) return { fromEnd: Number(text.slice(1)) };
  if (/^\d+(ms|s|m|h|d)$/.test(text))
    return { time: Math.max(0, Date.now() - parseAge(flag, text)) };
  return { time: parseTime(flag, text) };
}

/** Unix ms. @throws CommandFailure */
export function parseTime(flag: string, text: string): number {
  // What the parser of dates would guess from other forms surprises people.
  const time = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (time >= 0) return time;
  throw new CommandFailure(
    `${flag} ${text}: earliest, latest, an offset, -NUMBER, a time like 2026-01-31T12:00:00Z or an age like 10m is expected`,
    exitCode.usage,
  );
}

/** In ms. @throws CommandFailure */
export function parseAge(flag: string, text: string): number {
  const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text);
  const units: Readonly<Record<string, number>> = {
    ms: 1,
    s: 1000,
    m: 60_000,
    h: 3_600_000,
    d: 86_400_000,
  };
  if (match !== null) return Number(match[1]) * (units[match[2] ?? ''] ?? 1);
  throw new CommandFailure(
    `${flag} ${text}: a duration like 30s, 10m, 2h or 7d is expected`,
    exitCode.usage,
  );
}
