/** The commands about consumer groups: their arguments and flags. */

import type { Command } from 'commander';
import { collect } from './assignments.ts';
import { type DataDirFlags, dataDirOf } from './data-dir.ts';
import type { ResetFlags } from './groups-reset.ts';
import { addOptionFlags } from './option-flags.ts';

interface JsonFlag {
  readonly json?: boolean;
}

export function addGroupCommands(program: Command): void {
  const groups = program
    .command('groups')
    .description('Look at consumer groups, move their offsets, delete them.');
  addList(groups);
  addDescribe(groups);
  addReset(groups);
  addDelete(groups);
}

function addList(groups: Command): void {
  const list = groups
    .command('list', { isDefault: true })
    .description('List the groups of a running broker.')
    .option('--json', 'For programs.');
  addOptionFlags(list, ['dataDir']).action(async (flags: DataDirFlags & JsonFlag) =>
    (await import('./groups-list.ts')).listGroups(await dataDirOf(flags), flags),
  );
}

function addDescribe(groups: Command): void {
  const describe = groups
    .command('describe')
    .description('Show the members of groups, their offsets, and how far behind they are.')
    .argument('<group...>', 'Group ids.')
    .option('--json', 'For programs.');
  addOptionFlags(describe, ['dataDir']).action(
    async (ids: readonly string[], flags: DataDirFlags & JsonFlag) =>
      (await import('./groups-describe.ts')).describeGroups(await dataDirOf(flags), ids, flags),
  );
}

function addReset(groups: Command): void {
  const reset = groups
    .command('reset')
    .alias('reset-offsets')
    .description(
      'Move the offsets of a group without members. Shows what it would do, until --execute is given.',
    )
    .argument('<group>', 'Its id.')
    .option(
      '--topic <TOPIC[:PARTITION,…]>',
      'A topic, or some of its partitions; may be repeated.',
      collect,
    )
    .option('--all-topics', 'Every topic for which the group has an offset.')
    .option('--to-earliest', 'To the first record there is.')
    .option('--to-latest', 'To the end: only what comes from now on.')
    .option('--to-offset <OFFSET>', 'To this offset, in each partition.')
    .option('--to-datetime <TIME>', 'To the first record at or after 2026-01-31T12:00:00Z.')
    .option('--by-duration <DURATION>', 'To what is not older than this: 30s, 10m, 2h, 7d.')
    .option('--shift-by <NUMBER>', 'Forward, or with a minus sign back.')
    .option('--dry-run', 'Only show it; so it is without --execute too.')
    .option('--execute', 'Do it.')
    .option('--json', 'For programs.');
  addOptionFlags(reset, ['dataDir']).action(async (id: string, flags: DataDirFlags & ResetFlags) =>
    (await import('./groups-reset.ts')).resetGroup(await dataDirOf(flags), id, flags),
  );
}

function addDelete(groups: Command): void {
  const remove = groups
    .command('delete')
    .description('Delete groups without members, with their offsets.')
    .argument('<group...>', 'Group ids.')
    .option('--json', 'For programs.');
  addOptionFlags(remove, ['dataDir']).action(
    async (ids: readonly string[], flags: DataDirFlags & JsonFlag) =>
      (await import('./groups-delete.ts')).deleteGroups(await dataDirOf(flags), ids, flags),
  );
}
