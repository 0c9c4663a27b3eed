/** `polylog topics list`. */

import { withBroker } from './admin-session.ts';
import { print, printJson } from './output.ts';
import { bytesText, renderTable } from './table.ts';
import { matches, type TopicSummary } from './topic-names.ts';

export interface ListFlags {
  readonly json?: boolean;
  readonly internal?: boolean;
  readonly match?: string;
}

export async function listTopics(
  dataDir: string,
  { json = false, internal = false, match = '*' }: ListFlags,
): Promise<void> {
  const topics = await withBroker(dataDir, async (session) => {
    const found: TopicSummary[] = [];
    for await (const topic of session.pages<TopicSummary>('/v1/topics', { query: { internal } })) {
      if (matches(match, topic.name)) found.push(topic);
    }
    return found;
  });
  if (json) return printJson(topics);
  if (topics.length === 0) return print('no topics\n');
  const rows = topics.map(({ name, partitions, records, bytes }) => [
    name,
    String(partitions),
    String(records),
    bytesText(bytes),
  ]);
  const numbers = ['partitions', 'records', 'size'];
  await print(renderTable(['topic', ...numbers], rows, numbers));
}
