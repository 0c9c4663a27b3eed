/**
 * The command line: which commands there are, and their flags.
 *
 * Owns: the tree of commands, usage errors. Leaves: the work to one file per command, which is loaded
 * when its command is given.
 */

import { Command, CommanderError } from 'commander';
import { version } from '../config/version.ts';
import { addBrokerCommands } from './broker-commands.ts';
import { type DataDirFlags, dataDirOf } from './data-dir.ts';
import { exitCode, exitCodeTexts, reportFailure } from './failure.ts';
import { addGroupCommands } from './group-commands.ts';
import { addOptionFlags, type GivenFlags } from './option-flags.ts';
import { endWithReader } from './output.ts';
import { addRecordCommands } from './record-commands.ts';
import { addTopicCommands } from './topic-commands.ts';

export async function run(argv: readonly string[]): Promise<void> {
  endWithReader();
  try {
    await buildProgram().parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      // It has said why.
      process.exitCode = error.exitCode === 0 ? exitCode.done : exitCode.usage;
    } else {
      reportFailure(error);
    }
  }
}

/** Also for the reference. */
export function buildProgram(): Command {
  const program = new Command('polylog');
  program
    .description('A message broker: every protocol, one durable log.')
    .version(version)
    .addHelpText('after', exitCodeHelp)
    .configureOutput({ outputError: (text, write) => write(usageLine(text)) })
    .exitOverride();
  addStart(program);
  addConfig(program);
  addInspect(program);
  addRepair(program);
  addTopicCommands(program);
  addRecordCommands(program);
  addGroupCommands(program);
  addBrokerCommands(program);
  program
    .command('version')
    .description('Print the version.')
    .action(() => void process.stdout.write(`${version}\n`));
  for (const command of allCommands(program)) command.exitOverride().copyInheritedSettings(program);
  return program;
}

function addStart(program: Command): void {
  addOptionFlags(program.command('start').description('Run a broker.')).action(
    async (flags: GivenFlags) => (await import('./start.ts')).start(flags),
  );
}

function addConfig(program: Command): void {
  const config = program.command('config').description('Look at the configuration.');
  const explain = config
    .command('explain')
    .description('Show the value of each option and where it comes from.')
    .option('--json', 'For programs.');
  addOptionFlags(explain).action(async (flags: GivenFlags) =>
    (await import('./config-explain.ts')).explainConfig(flags),
  );
}

interface InspectFlags {
  readonly json?: boolean;
  readonly blocks?: boolean;
}

function addInspect(program: Command): void {
  const inspect = program
    .command('inspect')
    .description('Read the files of a data folder, and check all of them. Changes nothing.')
    .option('--blocks', 'List each block.')
    .option('--json', 'For programs.');
  addOptionFlags(inspect, ['dataDir']).action(
    async ({ json, blocks, ...flags }: DataDirFlags & InspectFlags) => {
      const dataDir = await dataDirOf(flags);
      const { inspect: inspectFolder } = await import('./inspect.ts');
      await inspectFolder({ dataDir, isJson: json === true, withBlocks: blocks === true });
    },
  );
}

interface RepairFlags {
  readonly json?: boolean;
  readonly acceptLoss?: boolean;
}

function addRepair(program: Command): void {
  const command = program
    .command('repair')
    .description('Say what is damaged in a data folder, and what it costs to go on without it.')
    .option('--accept-loss', 'Make the changes, so that a broker starts on the folder.')
    .option('--json', 'For programs.');
  addOptionFlags(command, ['dataDir']).action(
    async ({ json, acceptLoss, ...flags }: DataDirFlags & RepairFlags) => {
      const dataDir = await dataDirOf(flags);
      const { repair } = await import('./repair.ts');
      await repair({ dataDir, isJson: json === true, acceptsLoss: acceptLoss === true });
    },
  );
}

function exitCodeHelp(): string {
  const lines = exitCodeTexts.map(([code, text]) => `  ${String(code).padEnd(4)} ${text}\n`);
  return `\nExit codes:\n${lines.join('')}`;
}

function* allCommands(command: Command): Iterable<Command> {
  for (const each of command.commands) {
    yield each;
    yield* allCommands(each);
  }
}

/** `error: unknown option '--x'\n(Did you mean --y?)` in one line, under our name. */
function usageLine(text: string): string {
  return `polylog: ${text
    .replace(/^error: /, '')
    .trim()
    .replaceAll('\n', ' ')}\n`;
}
