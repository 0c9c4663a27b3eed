/**
 * The configuration file: YAML, and so JSON too.
 *
 * Owns: reading and parsing it. Leaves: what the keys mean to config/.
 */

import type { RawValues } from '../config/resolve.ts';
import { BrokerError } from '../kernel/errors.ts';
import { readTextFile } from '../node/text-file.ts';

const fileBytesMax = 1024 * 1024;

/** @throws BrokerError invalid_option, in one line */
export async function loadConfigFile(path: string): Promise<RawValues> {
  let text: string;
  try {
    text = readTextFile(path, fileBytesMax);
  } catch (error) {
    throw new BrokerError('invalid_option', `the file ${path}: ${reasonOf(error)}`, error);
  }
  const { parse } = await import('yaml');
  let values: unknown;
  try {
    values = parse(text);
  } catch (error) {
    throw new BrokerError('invalid_option', `the file ${path}: ${reasonOf(error)}`, error);
  }
  if (values === null) return { source: 'file', values: {} };
  if (typeof values === 'object' && !Array.isArray(values)) {
    return { source: 'file', values: values as Record<string, unknown> };
  }
  throw new BrokerError('invalid_option', `the file ${path}: options as "key: value" are expected`);
}

/** The first line, without the colon behind which the YAML parser shows the place. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split('\n')[0] ?? '').replace(/:$/, '');
}
