/**
 * `polylog status`, `topics`, `stop`: questions to a running broker, over the socket in its data folder.
 *
 * Owns: the calls and how their answers are shown. Leaves: what is answered to app/admin.ts.
 */

import { BrokerError } from '../kernel/errors.ts';
import { AdminClient } from '../node/admin-socket.ts';
import { exitCode } from './failure.ts';
import { renderTable } from './table.ts';

type Answer = Readonly<Record<string, unknown>>;

interface TopicRow {
  readonly name: string;
  readonly partitions: readonly {
    readonly partition: number;
    readonly logStart: number;
    readonly highWatermark: number;
  }[];
}

export async function showStatus(dataDir: string, isJson: boolean): Promise<void> {
  await withBroker(dataDir, async (ask) => {
    const status = { ...(await ask({ op: 'status' })), usage: await ask({ op: 'usage' }) };
    if (isJson) return printJson(status);
    const rows = Object.entries(status).map(([name, value]) => [name, cellText(value)]);
    process.stdout.write(renderTable(['status', ''], rows));
  });
}

export async function showTopics(dataDir: string, isJson: boolean): Promise<void> {
  await withBroker(dataDir, async (ask) => {
    const topics: TopicRow[] = [];
    for (let after: string | null = ''; after !== null; ) {
      const page: Answer = await ask({ op: 'topics', after });
      topics.push(...(page.topics as TopicRow[]));
      after = page.next as string | null;
    }
    if (isJson) return printJson(topics);
    const rows = topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partition, logStart, highWatermark }) =>
        [name, partition, logStart, highWatermark].map(String),
      ),
    );
    process.stdout.write(renderTable(['topic', 'partition', 'log start', 'high watermark'], rows));
  });
}

/** Returns when the broker has given its data folder free. */
export async function stopBroker(dataDir: string): Promise<void> {
  await withBroker(dataDir, async (ask) => {
    try {
      await ask({ op: 'stop' });
    } catch (error) {
      // The end of the connection is the answer.
      if (error instanceof BrokerError) throw error;
    }
    process.stdout.write('stopped\n');
  });
}

async function withBroker(
  dataDir: string,
  action: (ask: (request: Answer) => Promise<Answer>) => Promise<void>,
): Promise<void> {
  let client: AdminClient;
  try {
    client = await AdminClient.connect(dataDir);
  } catch (error) {
    process.stderr.write(`polylog: no broker is running on ${dataDir} (${String(error)})\n`);
    process.exitCode = exitCode.failed;
    return;
  }
  try {
    await action(async (request) => checked(await client.request(request)));
  } finally {
    client.close();
  }
}

function checked(answer: unknown): Answer {
  const { ok, text, ...rest } = answer as { ok: boolean; text?: string };
  if (ok !== true) throw new BrokerError('unsupported', text ?? 'the broker refused');
  return rest;
}

function cellText(value: unknown): string {
  if (Array.isArray(value)) return value.join(' ') || 'none';
  if (typeof value !== 'object' || value === null) return String(value ?? 'none');
  return Object.entries(value)
    .map(([name, each]) => `${name} ${each}`)
    .join(', ');
}

function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}
