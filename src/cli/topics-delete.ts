/** `polylog topics delete`: topics by name or pattern, with all their records. */

import { BrokerError } from '../kernel/errors.ts';
import { type AdminSession, at, withBroker } from './admin-session.ts';
import { confirm } from './confirm.ts';
import { CommandFailure, exitCode } from './failure.ts';
import { onInterrupt } from './interrupt.ts';
import { print, printJson } from './output.ts';
import { Progress } from './progress.ts';
import { isPattern, matchingTopics } from './topic-names.ts';

export interface DeleteFlags {
  readonly ifExists?: boolean;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export async function deleteTopics(
  dataDir: string,
  patterns: readonly string[],
  flags: DeleteFlags,
): Promise<void> {
  await withBroker(dataDir, async (session) => {
    const names = await namesOf(session, patterns);
    const isByPattern = patterns.some(isPattern);
    if (flags.dryRun === true) return tell(names, 'would be deleted', flags);
    if (isByPattern && names.length > 0 && flags.yes !== true) {
      await confirm(`delete ${names.length} topics (${shortList(names)}) with their records?`);
    }
    const deleted = await deleteAll(session, names, flags);
    await tell(deleted, 'deleted', flags);
  });
}

/** Of a name that is no pattern, whether it is there or not. */
async function namesOf(session: AdminSession, patterns: readonly string[]): Promise<string[]> {
  const names = new Set(patterns.filter((pattern) => !isPattern(pattern)));
  const wild = patterns.filter(isPattern);
  if (wild.length > 0) {
    for (const { name } of await matchingTopics(session, wild)) names.add(name);
  }
  return [...names];
}

async function deleteAll(
  session: AdminSession,
  names: readonly string[],
  { ifExists = false }: DeleteFlags,
): Promise<string[]> {
  const signal = onInterrupt();
  const progress = new Progress();
  const deleted: string[] = [];
  try {
    for (const name of names) {
      if (signal.aborted) {
        const line = `interrupted: ${deleted.length} of ${names.length} topics are deleted`;
        throw new CommandFailure(line, exitCode.interrupted);
      }
      progress.show(() => `${deleted.length} of ${names.length} topics deleted`);
      try {
        await session.call('DELETE', at`/v1/topics/${name}`);
        deleted.push(name);
      } catch (error) {
        const isAbsent = error instanceof BrokerError && error.code === 'topic_not_found';
        if (!isAbsent || !ifExists) throw error;
      }
    }
  } finally {
    progress.end();
  }
  return deleted;
}

function tell(names: readonly string[], what: string, { json }: DeleteFlags): Promise<void> {
  if (json === true) return printJson(names);
  if (names.length === 0) return print(`no topics ${what}\n`);
  return print(names.map((name) => `topic ${name} ${what}\n`).join(''));
}

function shortList(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ');
  return names.length > 5 ? `${shown}, …` : shown;
}
