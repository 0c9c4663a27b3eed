/**
 * docs/internals/journal.md: every byte layout and the table of entries, taken from where they are written
 * down already: the file headers of the sources, and the table in broker/entries.ts.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { entryTable } from '../../src/broker/index.ts';
import type { Generator } from './generator.ts';

const layouts: readonly (readonly [title: string, file: string])[] = [
  ['The data folder', 'src/log/node-file.ts'],
  ['Segments', 'src/log/segment.ts'],
  ['Blocks', 'src/log/block.ts'],
  ['Entries of the log', 'src/log/entry.ts'],
  ['Entries of the broker', 'src/broker/entries.ts'],
  ['Entries of queues', 'src/broker/queues/queue-entries.ts'],
  ['Entries of groups', 'src/broker/groups/group-entries.ts'],
  ['Record batches', 'src/record/batch.ts'],
  ['Footers', 'src/log/footer.ts'],
  ['The manifest', 'src/log/manifest-record.ts'],
  ['Checkpoints', 'src/log/checkpoint-file.ts'],
  ['Objects of queues in a checkpoint', 'src/broker/queues/queue-objects.ts'],
  ['Objects of groups in a checkpoint', 'src/broker/groups/group-objects.ts'],
  ['The clean end', 'src/log/clean-end.ts'],
  ['Finding the end again', 'src/log/recovery.ts'],
  ['Which files are what', 'src/log/stock.ts'],
  ['Accepted losses', 'src/log/losses.ts'],
  ['A way past damage', 'src/log/repair-journal.ts'],
];

/** The log's own kinds; the broker's table has the others. */
const logEntries: readonly (readonly string[])[] = [
  [
    '1',
    'append',
    'targets, one record batch',
    'partitions; producers',
    'partition (1), producers (18)',
    'acknowledgements; duplicates',
  ],
  [
    '2',
    'partition-created',
    'uint32 partition, uint64 first offset',
    'partition',
    'partition (1)',
    'the creation of its topic',
  ],
  [
    '3',
    'partition-deleted',
    'uint32 partition',
    'partition (gone)',
    'partition (1): no longer written',
    'the deletion of its topic',
  ],
  [
    '4',
    'log-start',
    'uint32 partition, uint64 offset',
    'partition',
    'partition (1)',
    'DeleteRecords; the space of the segments',
  ],
];

const introduction = `# The journal, byte by byte

Made by \`npm run generate\` from the sources that read and write these bytes.

\`\`\`
data folder/
  node.json                 who this is: store id, cluster id, segment size
  broker.sock               the lock, and the admin API
  manifest-N                which sealed segments there are
  segments/IIIIIIII.seg     journal segments (id < 80000000) and archives, id in hex
  checkpoints/LLLL.ckp      two of them, named by the LSN where replay begins
\`\`\`

A **block** is one atomic write: a header and entries, padded to a page. Blocks form a chain: each names the checksum of the one
before it. A **group** is the blocks of one sync. An **LSN** is \`segment id × segment size + position in the file\`.

## The table of entries

\`apply\` of an entry reads the entry and the objects in its column "changes", nothing else.

| kind | name | body | changes | checkpoint object (type) | what waits on it |
|---|---|---|---|---|---|
`;

export const journalPage: Generator = {
  target: 'docs/internals/journal.md',
  render: (root) => {
    const rows = [
      ...logEntries,
      ...entryTable.map(({ kind, name, body, changes, object, awaitedBy }) => [
        String(kind),
        name,
        body,
        changes,
        object,
        awaitedBy,
      ]),
    ].map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`);
    const sections = layouts.map(([title, file]) => {
      const text = headerComment(fs.readFileSync(path.join(root, file), 'utf8'));
      return `## ${title}\n\n\`${file}\`\n\n\`\`\`text\n${text}\n\`\`\`\n`;
    });
    return `${introduction}${rows.join('\n')}\n\n${sections.join('\n')}`;
  },
};

/** The comment that a file opens with, without its markers. */
function headerComment(source: string): string {
  const end = source.indexOf('*/');
  return source
    .slice(0, end)
    .split('\n')
    .map((line) => line.replace(/^ ?(\/\*\*|\*)? ?/, '').trimEnd())
    .join('\n')
    .trim();
}
