/** docs/reference/command-line.md: every command, from the tree that parses them. */

import type { Command } from 'commander';
import { exitCodeTexts } from '../../src/cli/failure.ts';
import { buildProgram } from '../../src/cli/run.ts';
import type { Generator } from './generator.ts';

export const commandLineReference: Generator = {
  target: 'docs/reference/command-line.md',
  render: () => {
    const commands = Array.from(leaves(buildProgram()));
    return [...head, ...exitCodes(), ...commands.flatMap(renderCommand)].join('\n');
  },
};

const head = [
  '# Command line',
  '',
  'Generated from the commands in `src/cli/`. Tables are for people; `--json` is for programs, and only that is',
  'promised. Commands for a running broker find it by its data folder, over the socket there: see the',
  '[admin API](admin-api.md).',
  '',
];

function exitCodes(): string[] {
  const rows = exitCodeTexts.map(([code, text]) => `| ${code} | ${text} |`);
  return ['| exit code | |', '|---|---|', ...rows, ''];
}

/** Commands that do something, in the order of the help. */
function* leaves(command: Command): Iterable<Command> {
  if (command.commands.length === 0) yield command;
  for (const each of command.commands) yield* leaves(each);
}

function renderCommand(command: Command): string[] {
  const usage = `${nameOf(command)} ${command.usage()}`.trim();
  const args = command.registeredArguments.filter(({ description }) => description !== '');
  // Those that take all options: these have a page of their own.
  const takesAll = ['start', 'explain'].includes(command.name());
  return [
    `## ${nameOf(command)}`,
    '',
    command.description(),
    '',
    '```',
    usage,
    '```',
    '',
    ...(takesAll
      ? ['Its flags: [configuration](configuration.md).', '']
      : flagTable(command, args)),
  ];
}

function flagTable(command: Command, args: Command['registeredArguments']): string[] {
  const rows = [
    ...args.map((each) => `| \`${each.name()}\` | ${escaped(each.description)} |`),
    ...command.options.map(
      ({ flags, description }) =>
        `| \`${flags.replaceAll('|', '\\|')}\` | ${escaped(description)} |`,
    ),
  ];
  return rows.length === 0 ? [] : ['| | |', '|---|---|', ...rows, ''];
}

function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
}

function escaped(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
