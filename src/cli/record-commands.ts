/** The commands that publish and read records: their arguments and flags. */

import type { Command } from 'commander';
import { collect } from './assignments.ts';
import type { ConsumeFlags } from './consume.ts';
import { type DataDirFlags, dataDirOf } from './data-dir.ts';
import { addOptionFlags } from './option-flags.ts';
import type { PublishFlags } from './publish.ts';
import type { TailFlags } from './tail.ts';

export function addRecordCommands(program: Command): void {
  addPublish(program);
  addConsume(program);
  addTail(program);
}

function addPublish(program: Command): void {
  const publish = program
    .command('publish')
    .description(
      'Publish records: those given as arguments, or the lines of standard input, or a file of JSON.',
    )
    .argument('<topic>', 'Its name; it is made if it is not there and the broker does so.')
    .argument('[value...]', 'Values of records. Without, standard input: one record a line.')
    .option('-k, --key <KEY>', 'Key of every record.')
    .option('-K, --key-separator <TEXT>', 'A line is a key, this, and a value.')
    .option('-H, --header <NAME=VALUE>', 'Header of every record; may be repeated.', collect)
    .option('-p, --partition <NUMBER>', 'Left out, the key or a rota decides.')
    .option('-Z, --null', 'An empty value is none at all: a tombstone.')
    .option(
      '-f, --file <FILE>',
      'Records from this file, or - for standard input: a JSON object a line, as `consume --json` writes them.',
    )
    .option('--json', 'For programs.')
    .addHelpText(
      'after',
      [
        '',
        'Examples:',
        '  polylog publish orders hello world',
        '  polylog publish orders -k customer-7 -H source=shop \'{"total": 12}\'',
        '  polylog publish orders -K : < lines.txt',
        '  polylog consume orders --json | polylog publish copy -f -',
        '',
      ].join('\n'),
    );
  addOptionFlags(publish, ['dataDir']).action(
    async (topic: string, values: readonly string[], flags: DataDirFlags & PublishFlags) =>
      (await import('./publish.ts')).publish(await dataDirOf(flags), topic, values, flags),
  );
}

function addConsume(program: Command): void {
  const consume = program
    .command('consume')
    .description(
      'Print the records of a topic. Ends at what is there now, unless --follow is given.',
    )
    .argument('<topic>', 'Its name.')
    .option('-p, --partition <NUMBER>', 'Only this one; may be repeated.', collect)
    .option(
      '-o, --from <POSITION>',
      'earliest, latest, an offset, -NUMBER (from the end), a time (2026-01-31T12:00:00Z), or an age (10m, 2h, 7d). Default: earliest; with --group, where the group is.',
    )
    .option('--from-beginning', 'The same as --from earliest.')
    .option('-c, --count <NUMBER>', 'End after so many.')
    .option('-f, --follow', 'Wait for more. Ctrl-C ends it.')
    .option(
      '-g, --group <GROUP>',
      'Begin where this group is, and commit what was printed. Not while the group has members.',
    )
    .option(
      '--print <FIELDS>',
      'Of topic, partition, offset, timestamp, key, value, headers; separated by commas. Default: value.',
    )
    .option('--separator <TEXT>', 'Between fields. Default: a tab.')
    .option('--json', 'For programs: a JSON object a line.')
    .addHelpText(
      'after',
      [
        '',
        'Examples:',
        '  polylog consume orders',
        '  polylog consume orders --from -10 --print offset,key,value',
        '  polylog consume orders --group billing --follow',
        '',
      ].join('\n'),
    );
  addOptionFlags(consume, ['dataDir']).action(
    async (topic: string, flags: DataDirFlags & ConsumeFlags) =>
      (await import('./consume.ts')).consume(await dataDirOf(flags), topic, flags),
  );
}

function addTail(program: Command): void {
  const tail = program
    .command('tail')
    .description('Show what is published from now on. Ctrl-C ends it.')
    .argument('<topic...>', 'Names, or patterns with * and ? in quotes: also topics made later.')
    .option('-n, --last <NUMBER>', 'Begin with so many of each partition.', '0')
    .option('-c, --count <NUMBER>', 'End after so many.')
    .option('--json', 'For programs: a JSON object a line.');
  addOptionFlags(tail, ['dataDir']).action(
    async (patterns: readonly string[], flags: DataDirFlags & TailFlags) =>
      (await import('./tail.ts')).tail(await dataDirOf(flags), patterns, flags),
  );
}
