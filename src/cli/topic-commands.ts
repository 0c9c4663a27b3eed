/** The commands about topics: their arguments and flags. */

import type { Command } from 'commander';
import { collect } from './assignments.ts';
import { type DataDirFlags, dataDirOf } from './data-dir.ts';
import { addDeclaredFlags, addOptionFlags } from './option-flags.ts';
import type { AlterFlags } from './topics-alter.ts';
import type { CreateFlags } from './topics-create.ts';
import type { DeleteFlags } from './topics-delete.ts';
import type { DescribeFlags } from './topics-describe.ts';
import type { ListFlags } from './topics-list.ts';

/** Where `--config` is something else. */
type DataDir = Pick<DataDirFlags, 'dataDir'>;

const patternHelp = 'A name may be a pattern with * and ?, in quotes.';

export function addTopicCommands(program: Command): void {
  const topics = program.command('topics').description('List, make, change and delete topics.');
  addList(topics);
  addCreate(topics);
  addDescribe(topics);
  addAlter(topics);
  addDelete(topics);
}

function addList(topics: Command): void {
  const list = topics
    .command('list', { isDefault: true })
    .description('List the topics of a running broker.')
    .option('-m, --match <PATTERN>', 'Only those like this: * and ? stand for any characters.')
    .option('--internal', 'Also those of the broker itself.')
    .option('--json', 'For programs.');
  addOptionFlags(list, ['dataDir']).action(async (flags: DataDirFlags & ListFlags) =>
    (await import('./topics-list.ts')).listTopics(await dataDirOf(flags), flags),
  );
}

function addCreate(topics: Command): void {
  const create = topics
    .command('create')
    .description('Make topics.')
    .argument('<topic...>', 'Names.')
    .option('-p, --partitions <NUMBER>', 'How many; left out, as many as the broker likes.')
    .option('--replication-factor <NUMBER>', 'How many copies; left out, what the broker has.')
    .option('--config <NAME=VALUE>', 'An option of the topic; may be repeated.', collect)
    .option('--if-not-exists', 'A topic that is there already is no failure.')
    .option('--dry-run', 'Check, and make nothing.')
    .option('--json', 'For programs.');
  addDeclaredFlags(create, ['dataDir']).action(
    async (names: readonly string[], { dataDir, ...flags }: CreateFlags & DataDir) =>
      (await import('./topics-create.ts')).createTopics(await dataDirOf({ dataDir }), names, flags),
  );
}

function addDescribe(topics: Command): void {
  const describe = topics
    .command('describe')
    .description('Show partitions with their offsets, and options.')
    .argument('<topic...>', patternHelp)
    .option('--all', 'Also options that have their defaults.')
    .option('--json', 'For programs.');
  addOptionFlags(describe, ['dataDir']).action(
    async (names: readonly string[], flags: DataDirFlags & DescribeFlags) =>
      (await import('./topics-describe.ts')).describeTopics(await dataDirOf(flags), names, flags),
  );
}

function addAlter(topics: Command): void {
  const alter = topics
    .command('alter')
    .description('Change options of a topic, add partitions: all of it, or nothing.')
    .argument('<topic>', 'Its name.')
    .option('--config <NAME=VALUE>', 'Set an option; may be repeated.', collect)
    .option('--delete-config <NAME>', 'Back to the default; may be repeated.', collect)
    .option('-p, --partitions <NUMBER>', 'So many from now on. Records stay where they are.')
    .option('--dry-run', 'Check, and change nothing.')
    .option('--json', 'For programs.');
  addDeclaredFlags(alter, ['dataDir']).action(
    async (name: string, { dataDir, ...flags }: AlterFlags & DataDir) =>
      (await import('./topics-alter.ts')).alterTopic(await dataDirOf({ dataDir }), name, flags),
  );
}

function addDelete(topics: Command): void {
  const remove = topics
    .command('delete')
    .description('Delete topics with all their records.')
    .argument('<topic...>', patternHelp)
    .option('--if-exists', 'A topic that is not there is no failure.')
    .option('--dry-run', 'Say which, and delete nothing.')
    .option('-y, --yes', 'Do not ask, where a pattern is given.')
    .option('--json', 'For programs.');
  addOptionFlags(remove, ['dataDir']).action(
    async (names: readonly string[], flags: DataDirFlags & DeleteFlags) =>
      (await import('./topics-delete.ts')).deleteTopics(await dataDirOf(flags), names, flags),
  );
}
