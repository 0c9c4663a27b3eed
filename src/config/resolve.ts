/**
 * From sources to a configuration: flags over environment over file over defaults.
 *
 * Owns: the order of sources, unknown keys and bad values with their hints, where each value came from.
 * Leaves: reading files and arguments to the caller; nothing here touches the outside.
 */
import { BrokerError } from '../kernel/errors.ts';
import { environmentName, flagName, type Option } from './option.ts';
import { type Config, type OptionKey, options } from './options.ts';

export type Source = 'flag' | 'environment' | 'file' | 'program' | 'default';

/** Raw values by option key, with how that source calls them. */
export interface RawValues {
  readonly source: Exclude<Source, 'default'>;
  readonly values: Readonly<Record<string, unknown>>;
}

export interface Resolved {
  readonly config: Config;
  readonly sources: Readonly<Record<OptionKey, Source>>;
}

const keys = Object.keys(options) as OptionKey[];

/**
 * The first of `layers` that has a value wins.
 * @throws BrokerError invalid_option, naming the option as its source calls it
 */
export function resolveConfig(layers: readonly RawValues[]): Resolved {
  for (const layer of layers) refuseUnknown(layer);
  const config: Record<string, unknown> = {};
  const sources: Record<string, Source> = {};
  for (const key of keys) {
    const option = options[key] as Option<unknown>;
    config[key] = option.default;
    sources[key] = 'default';
    for (const { source, values } of layers) {
      const raw = values[key];
      if (raw === undefined) continue;
      const read = option.read(raw);
      if (typeof read === 'string') {
        throw new BrokerError('invalid_option', `${nameIn(source, key)}: ${read}`);
      }
      config[key] = read.value;
      sources[key] = source;
      break;
    }
  }
  return { config: config as Config, sources: sources as Record<OptionKey, Source> };
}

function refuseUnknown({ source, values }: RawValues): void {
  for (const key of Object.keys(values)) {
    if ((keys as string[]).includes(key)) continue;
    const near = nearest(key);
    const hint = near === null ? '' : `; did you mean ${nameIn(source, near)}?`;
    throw new BrokerError('invalid_option', `unknown option ${nameIn(source, key)}${hint}`);
  }
}

/** How a source calls an option. */
export function nameIn(source: Source, key: string): string {
  if (source === 'flag') return `--${flagName(key)}`;
  return source === 'environment' ? environmentName(key) : key;
}

/** The values that the environment gives. @throws BrokerError invalid_option: unknown POLYLOG_ name */
export function fromEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): RawValues {
  const values: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith('POLYLOG_') || value === undefined || name === 'POLYLOG_CONFIG') continue;
    const key = keys.find((each) => environmentName(each) === name);
    if (key === undefined) {
      const near = nearest(camelCase(name.slice('POLYLOG_'.length).toLowerCase()));
      const hint = near === null ? '' : `; did you mean ${environmentName(near)}?`;
      throw new BrokerError('invalid_option', `unknown variable ${name}${hint}`);
    }
    values[key] = value;
  }
  return { source: 'environment', values };
}

function camelCase(name: string): string {
  return name.replace(/[-_.]([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** The option whose name is closest to `key`, if any is close. */
function nearest(key: string): OptionKey | null {
  let best: OptionKey | null = null;
  let bestDistance = Math.max(2, Math.floor(key.length / 3)) + 1;
  for (const each of keys) {
    const distance = editDistance(camelCase(key).toLowerCase(), each.toLowerCase());
    if (distance >= bestDistance) continue;
    best = each;
    bestDistance = distance;
  }
  return best;
}

function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, i) => i);
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++) {
      const same = left[i - 1] === right[j - 1] ? 0 : 1;
      next.push(Math.min((next[j - 1] ?? 0) + 1, (row[j] ?? 0) + 1, (row[j - 1] ?? 0) + same));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}
