/** `polylog config explain`: each option's value, and where it comes from. */

import { type OptionKey, options } from '../config/options.ts';
import { nameIn } from '../config/resolve.ts';
import type { GivenFlags } from './option-flags.ts';
import { type ResolvedOptions, resolveOptions } from './start-options.ts';
import { renderTable } from './table.ts';

export async function explainConfig({ json, ...flags }: GivenFlags): Promise<void> {
  const resolved = await resolveOptions(flags);
  const rows = (Object.keys(options) as OptionKey[]).map((key) => ({
    option: key,
    value: resolved.config[key],
    source: resolved.sources[key],
    from: originOf(key, resolved),
  }));
  if (json === true) {
    process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    return;
  }
  const cells = rows.map(({ option, value, from }) => [option, valueText(value), from]);
  process.stdout.write(renderTable(['option', 'value', 'from'], cells));
}

function originOf(key: OptionKey, { sources, file }: ResolvedOptions): string {
  const source = sources[key];
  if (source === 'flag' || source === 'environment') return nameIn(source, key);
  return source === 'file' ? (file ?? source) : source;
}

function valueText(value: unknown): string {
  return Array.isArray(value) ? value.join(', ') : String(value);
}
