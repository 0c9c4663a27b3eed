/**
 * Flags out of the declarations of options.
 *
 * Owns: how each kind of option looks on the command line. Leaves: checking values to config/.
 */

import { type Command, Option as Flag } from 'commander';
import { flagName, type Option } from '../config/option.ts';
import { options } from '../config/options.ts';

/** What the flags of a command gave, by option key; and the file. */
export interface GivenFlags {
  readonly config?: string | undefined;
  readonly [key: string]: unknown;
}

/** The option of the command line alone: all others have a declaration. */
export const configFlag = 'config';

export function addOptionFlags(command: Command, only?: readonly string[]): Command {
  command.option('--config <FILE>', 'Options from this file, YAML or JSON (POLYLOG_CONFIG).');
  return addDeclaredFlags(command, only);
}

/** Without the flag for a file: of commands where `--config` is something else. */
export function addDeclaredFlags(command: Command, only?: readonly string[]): Command {
  for (const [key, option] of Object.entries(options) as [string, Option<unknown>][]) {
    if (only === undefined || only.includes(key)) command.addOption(flagOf(key, option));
  }
  return command;
}

function flagOf(key: string, option: Option<unknown>): Flag {
  const flag = new Flag(`--${flagName(key)} ${valueText(option)}`, helpText(option));
  // The name in the result is the key, whatever the flag looks like.
  flag.attributeName = () => key;
  if (option.kind === 'list') {
    flag.argParser((value: string, before: readonly string[] | undefined) => [
      ...(before ?? []),
      value,
    ]);
  }
  return flag;
}

function valueText({ kind, placeholder, unit, choices }: Option<unknown>): string {
  if (kind === 'boolean') return '[true|false]';
  if (choices !== undefined) return `<${choices.join('|')}>`;
  return `<${placeholder ?? unit?.toUpperCase() ?? 'NUMBER'}>`;
}

function helpText(option: Option<unknown>): string {
  return option.kind === 'list' ? option.text : `${option.text} Default: ${option.default}.`;
}
