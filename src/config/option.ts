/**
 * Options: one declaration says what an option is called everywhere, what it may be and what it is for.
 *
 * Owns: the declaration, its kinds, reading a value from a flag, the environment, a file or a program.
 * Leaves: which options there are to `options.ts`, the order of sources to `resolve.ts`.
 *
 * From a declaration come the type, the flag, the environment variable, the file key, the JSON Schema and
 * the reference page; nothing about an option is written down a second time.
 */

export type OptionKind = 'text' | 'integer' | 'boolean' | 'choice' | 'list';

export interface OptionHelp {
  /** One sentence for people. */
  readonly text: string;
  /** The unit of a number, as in the reference: `bytes`, `ms`. */
  readonly unit?: string;
  /** What stands for the value in help texts. */
  readonly placeholder?: string;
  /** Release that brought it. */
  readonly since: string;
}

export interface Option<T> extends OptionHelp {
  readonly kind: OptionKind;
  readonly default: T;
  readonly min?: number;
  readonly max?: number;
  readonly choices?: readonly string[];
  /** Turns a raw value into the option's; a string is what is wrong with it. */
  read(raw: unknown): { readonly value: T } | string;
}

/** The type of an option's value. */
export type OptionValue<O> = O extends Option<infer T> ? T : never;

export function textOption(help: OptionHelp & { readonly default: string }): Option<string> {
  return {
    ...help,
    kind: 'text',
    read: (raw) => (typeof raw === 'string' && raw !== '' ? { value: raw } : 'a text is expected'),
  };
}

export function integerOption(
  help: OptionHelp & { readonly default: number; readonly min: number; readonly max: number },
): Option<number> {
  const { min, max } = help;
  return {
    ...help,
    kind: 'integer',
    read(raw) {
      const value = typeof raw === 'string' && /^-?\d+$/.test(raw) ? Number(raw) : raw;
      if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
        return 'a whole number is expected';
      }
      if (value < min || value > max) return `it must be from ${min} to ${max}`;
      return { value };
    },
  };
}

export function booleanOption(help: OptionHelp & { readonly default: boolean }): Option<boolean> {
  return {
    ...help,
    kind: 'boolean',
    read(raw) {
      if (raw === true || raw === 'true' || raw === '1') return { value: true };
      if (raw === false || raw === 'false' || raw === '0') return { value: false };
      return 'true or false is expected';
    },
  };
}

export function choiceOption<const C extends string>(
  help: OptionHelp & { readonly default: C; readonly choices: readonly C[] },
): Option<C> {
  const { choices } = help;
  return {
    ...help,
    kind: 'choice',
    read(raw) {
      const value = choices.find((choice) => choice === raw);
      return value === undefined ? `it must be one of ${choices.join(', ')}` : { value };
    },
  };
}

/** A flag that may be given several times; commas separate values in the environment. */
export function listOption(
  help: OptionHelp & { readonly check: (item: string) => string | null },
): Option<readonly string[]> {
  return {
    ...help,
    default: [],
    kind: 'list',
    read(raw) {
      const items = typeof raw === 'string' ? raw.split(',').map((item) => item.trim()) : raw;
      if (!Array.isArray(items)) return 'a list is expected';
      const value: string[] = [];
      for (const item of items) {
        if (typeof item !== 'string') return 'a list of texts is expected';
        const fault = help.check(item);
        if (fault !== null) return `${item}: ${fault}`;
        value.push(item);
      }
      return { value };
    },
  };
}

/** `segmentBytes` → `segment-bytes`. */
export function flagName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `segmentBytes` → `POLYLOG_SEGMENT_BYTES`. */
export function environmentName(key: string): string {
  return `POLYLOG_${flagName(key).replaceAll('-', '_').toUpperCase()}`;
}
