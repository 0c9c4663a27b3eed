/** `polylog topics create`. */

import { BrokerError } from '../kernel/errors.ts';
import { withBroker } from './admin-session.ts';
import { assignments, wholeNumber } from './assignments.ts';
import { print, printJson } from './output.ts';

export interface CreateFlags {
  readonly partitions?: string;
  readonly replicationFactor?: string;
  readonly config?: readonly string[];
  readonly ifNotExists?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

interface Created {
  readonly name: string;
  readonly id: string | null;
  readonly partitions: number;
}

export async function createTopics(
  dataDir: string,
  names: readonly string[],
  flags: CreateFlags,
): Promise<void> {
  const { partitions, replicationFactor, dryRun = false } = flags;
  const spec = {
    options: Object.fromEntries(assignments('--config', flags.config)),
    validateOnly: dryRun,
    ...(partitions === undefined
      ? {}
      : { partitions: wholeNumber('--partitions', partitions, { min: 1 }) }),
    ...(replicationFactor === undefined
      ? {}
      : {
          replicationFactor: wholeNumber('--replication-factor', replicationFactor, {
            min: 1,
            max: 32_767,
          }),
        }),
  };
  await withBroker(dataDir, async (session) => {
    for (const name of names) {
      try {
        const created = await session.call<Created>('POST', '/v1/topics', {
          body: { name, ...spec },
        });
        await tell(created, dryRun, flags.json === true);
      } catch (error) {
        const isThere = error instanceof BrokerError && error.code === 'topic_exists';
        if (!isThere || flags.ifNotExists !== true) throw error;
        if (flags.json !== true) await print(`topic ${name} is there already\n`);
      }
    }
  });
}

function tell(created: Created, isDryRun: boolean, isJson: boolean): Promise<void> {
  if (isJson) return printJson(created);
  const { name, partitions } = created;
  const what = isDryRun ? 'could be created' : 'created';
  return print(`topic ${name} ${what}, ${partitions} partition${partitions === 1 ? '' : 's'}\n`);
}
