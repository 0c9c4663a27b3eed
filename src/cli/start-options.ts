/** The configuration of a command: its flags, the environment, the file. */

import { loadConfigFile } from '../app/config-file.ts';
import {
  fromEnvironment,
  type RawValues,
  type Resolved,
  resolveConfig,
} from '../config/resolve.ts';
import { configFlag, type GivenFlags } from './option-flags.ts';

export interface ResolvedOptions extends Resolved {
  /** The file that was read, or null. */
  readonly file: string | null;
}

/** @throws BrokerError invalid_option */
export async function resolveOptions(flags: GivenFlags): Promise<ResolvedOptions> {
  const { [configFlag]: given, ...values } = flags;
  const file = given ?? process.env.POLYLOG_CONFIG ?? null;
  const layers: RawValues[] = [{ source: 'flag', values }, fromEnvironment(process.env)];
  if (file !== null) layers.push(await loadConfigFile(file));
  return { ...resolveConfig(layers), file };
}
