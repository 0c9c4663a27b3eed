/** `NAME=VALUE` in flags that may be repeated. */

import { CommandFailure, exitCode } from './failure.ts';

/** For a flag that may be given several times. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** @throws CommandFailure when one has no `=` */
export function assignments(
  flag: string,
  given: readonly string[] = [],
): readonly (readonly [name: string, value: string])[] {
  return given.map((text) => {
    const mark = text.indexOf('=');
    if (mark > 0) return [text.slice(0, mark), text.slice(mark + 1)] as const;
    throw new CommandFailure(`${flag} ${text}: NAME=VALUE is expected`, exitCode.usage);
  });
}

/** @throws CommandFailure unless `text` is a whole number from `min` to `max` */
export function wholeNumber(
  flag: string,
  text: string,
  { min, max = Number.MAX_SAFE_INTEGER }: { readonly min: number; readonly max?: number },
): number {
  const number = /^[+-]?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  const range = max === Number.MAX_SAFE_INTEGER ? `from ${min} on` : `from ${min} to ${max}`;
  throw new CommandFailure(`${flag} ${text}: a whole number ${range} is expected`, exitCode.usage);
}
