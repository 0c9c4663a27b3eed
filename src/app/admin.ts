/**
 * What the broker answers over the socket in its data folder.
 *
 *     {"op": "status"}   version, process, uptime, listeners, connections, fault
 *     {"op": "topics"}   names, partitions, offsets; with "after", those behind that name
 *     {"op": "usage"}    segments and bytes
 *     {"op": "stop"}     an orderly shutdown, if the broker is a process of its own; it is answered by
 *                       the end of the connection, when the data folder is free
 *
 * An answer is `{"ok": true, ...}` or `{"ok": false, "code": ..., "text": ...}`.
 */

import type { Broker, Topic } from '../broker/index.ts';
import type { Config } from '../config/options.ts';
import { version } from '../config/version.ts';
import { BrokerError } from '../kernel/errors.ts';
import type { AdminHandler } from '../node/admin-socket.ts';
import type { OpenListener } from '../server/index.ts';

/** What the answers are read from: the running broker. */
export interface AdminSubject {
  readonly broker: Broker;
  readonly config: Config;
  readonly listeners: readonly OpenListener[];
  readonly connectionCount: number;
  /** Unix ms. */
  readonly startedAt: number;
  readonly fault: BrokerError | null;
}

type Request = Readonly<Record<string, unknown>>;
type Operation = (running: AdminSubject, request: Request) => Record<string, unknown>;

/** Partitions in one answer about topics, so that it stays well under the limit of a line. */
const pagePartitions = 2000;

const operations: Readonly<Record<string, Operation>> = {
  status: (running) => ({
    version,
    pid: process.pid,
    startedAt: running.startedAt,
    storage: running.config.storage,
    durability: running.config.durability,
    clusterId: running.broker.clusterId,
    leaderEpoch: running.broker.leaderEpoch,
    listeners: running.listeners.map(({ url }) => url),
    connections: running.connectionCount,
    topics: running.broker.topicCount,
    storageFull: running.broker.isStorageFull,
    fault: running.fault?.message ?? null,
  }),
  topics: listTopics,
  usage: (running) => ({ ...running.broker.usage() }),
};

export function adminHandler(
  running: AdminSubject,
  onStopRequested: (() => void) | null,
): AdminHandler {
  return (request, reply) => {
    try {
      const op = operationOf(request);
      if (op === 'stop') {
        if (onStopRequested === null) {
          throw new BrokerError('unsupported', 'the broker is part of another program');
        }
        onStopRequested();
        return;
      }
      const operation = Object.hasOwn(operations, op) ? operations[op] : undefined;
      if (operation === undefined) throw new BrokerError('unsupported', `op ${op}`);
      reply({ ok: true, ...operation(running, request as Request) });
    } catch (error) {
      const code = error instanceof BrokerError ? error.code : 'internal';
      reply({ ok: false, code, text: error instanceof Error ? error.message : String(error) });
    }
  };
}

/** By name; `next` is what to ask for `after`, or null behind the last page. */
function listTopics({ broker }: AdminSubject, request: Request): Record<string, unknown> {
  const after = String(request.after ?? '');
  const behind = Array.from(broker.topics()).filter(({ name }) => name > after);
  behind.sort((left, right) => (left.name < right.name ? -1 : 1));
  let count = 0;
  let partitions = 0;
  while (count < behind.length && partitions < pagePartitions) {
    partitions += behind[count++]?.partitions.length ?? 0;
  }
  const page = behind.slice(0, count);
  return {
    topics: page.map(describeTopic),
    next: count < behind.length ? (page.at(-1)?.name ?? null) : null,
  };
}

function describeTopic(topic: Topic): Record<string, unknown> {
  return {
    name: topic.name,
    uuid: topic.uuidText,
    isInternal: topic.isInternal,
    options: Object.fromEntries(topic.overrides),
    partitions: topic.partitions.map(({ index, logStart, highWatermark }) => ({
      partition: index,
      logStart,
      highWatermark,
    })),
  };
}

function operationOf(request: unknown): string {
  if (typeof request === 'object' && request !== null && 'op' in request) return String(request.op);
  throw new BrokerError('unsupported', 'a request is {"op": ...}');
}
