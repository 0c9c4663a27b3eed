/**
 * The command line: which commands there are, and their flags.
 *
 * Owns: the tree of commands, usage errors. Leaves: the work to one file per command, which is loaded
 * when its command is given.
 */

import { Command, CommanderError } from 'commander';
import { version } from '../config/version.ts';
import { exitCode, reportFailure } from './failure.ts';
import { addOptionFlags, type GivenFlags } from './option-flags.ts';

export async function run(argv: readonly string[]): Promise<void> {
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

function buildProgram(): Command {
  const program = new Command('polylog');
  program
    .description('A message broker: every protocol, one durable log.')
    .version(version)
    .configureOutput({ outputError: (text, write) => write(usageLine(text)) })
    .exitOverride();
  addStart(program);
  addConfig(program);
  addInspect(program);
  addAdmin(program);
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

function addInspect(program: Command): void {
  const inspect = program
    .command('inspect')
    .description('Read the files of a data folder, and check all of them. Changes nothing.')
    .option('--blocks', 'List each block.')
    .option('--json', 'For programs.');
  addOptionFlags(inspect, ['dataDir']).action(async ({ json, blocks, ...flags }: GivenFlags) => {
    const dataDir = await dataDirOf(flags);
    const { inspect: inspectFolder } = await import('./inspect.ts');
    await inspectFolder({ dataDir, isJson: json === true, withBlocks: blocks === true });
  });
}

function addAdmin(program: Command): void {
  const add = (name: string, text: string): Command =>
    addOptionFlags(program.command(name).description(text), ['dataDir']);
  add('status', 'Ask a running broker how it is.')
    .option('--json', 'For programs.')
    .action(async ({ json, ...flags }: GivenFlags) => {
      const dataDir = await dataDirOf(flags);
      await (await import('./admin.ts')).showStatus(dataDir, json === true);
    });
  add('topics', 'List the topics of a running broker.')
    .option('--json', 'For programs.')
    .action(async ({ json, ...flags }: GivenFlags) => {
      const dataDir = await dataDirOf(flags);
      await (await import('./admin.ts')).showTopics(dataDir, json === true);
    });
  add('stop', 'Stop a running broker, and wait until it has stopped.').action(
    async (flags: GivenFlags) => (await import('./admin.ts')).stopBroker(await dataDirOf(flags)),
  );
}

async function dataDirOf(flags: GivenFlags): Promise<string> {
  const { resolveOptions } = await import('./start-options.ts');
  return (await resolveOptions(flags)).config.dataDir;
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
