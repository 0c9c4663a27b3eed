/** `polylog topics alter`: options set and unset, partitions added. */

import { at, withBroker } from './admin-session.ts';
import { assignments, wholeNumber } from './assignments.ts';
import { CommandFailure, exitCode } from './failure.ts';
import { print, printJson } from './output.ts';
import { renderTable } from './table.ts';
import type { TopicDescription } from './topics-describe.ts';

export interface AlterFlags {
  readonly partitions?: string;
  readonly config?: readonly string[];
  readonly deleteConfig?: readonly string[];
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export async function alterTopic(
  dataDir: string,
  name: string,
  { partitions, config = [], deleteConfig = [], dryRun = false, json = false }: AlterFlags,
): Promise<void> {
  if (partitions === undefined && config.length + deleteConfig.length === 0) {
    throw new CommandFailure(
      'nothing to change: give --config, --delete-config or --partitions',
      exitCode.usage,
    );
  }
  const body = {
    set: Object.fromEntries(assignments('--config', config)),
    unset: deleteConfig,
    validateOnly: dryRun,
    ...(partitions === undefined
      ? {}
      : { partitions: wholeNumber('--partitions', partitions, { min: 1 }) }),
  };
  const topic = await withBroker(dataDir, (session) =>
    session.call<TopicDescription>('PATCH', at`/v1/topics/${name}`, { body }),
  );
  if (json) return printJson(topic);
  if (dryRun) return print(`topic ${name} could be changed so\n`);
  const set = topic.options.filter(({ source }) => source === 'topic');
  const count = topic.partitions.length;
  await print(`topic ${name} changed, ${count} partition${count === 1 ? '' : 's'}\n`);
  if (set.length === 0) return;
  await print(
    renderTable(
      ['option', 'value'],
      set.map((option) => [option.name, option.value]),
    ),
  );
}
