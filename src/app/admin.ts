/**
 * What the broker answers over the socket in its data folder.
 *
 *     {"op": "status"}   version, process, uptime, listeners, connections, fault
 *     {"op": "topics"}   names, partitions, offsets
 *     {"op": "usage"}    segments and bytes
 *     {"op": "stop"}     begins an orderly shutdown, if the broker is a process of its own
 *
 * An answer is `{"ok": true, ...}` or `{"ok": false, "code": ..., "text": ...}`.
 */

import { version } from '../config/version.ts';
import { BrokerError } from '../kernel/errors.ts';
import type { AdminHandler } from '../node/admin-socket.ts';
import type { RunningBroker } from './running-broker.ts';

type Operation = (running: RunningBroker) => Record<string, unknown>;

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
  topics: (running) => ({
    topics: Array.from(running.broker.topics(), (topic) => ({
      name: topic.name,
      uuid: topic.uuidText,
      isInternal: topic.isInternal,
      options: Object.fromEntries(topic.overrides),
      partitions: topic.partitions.map(({ index, logStart, highWatermark }) => ({
        partition: index,
        logStart,
        highWatermark,
      })),
    })),
  }),
  usage: (running) => ({ ...running.broker.usage() }),
};

export function adminHandler(
  running: RunningBroker,
  onStopRequested: (() => void) | null,
): AdminHandler {
  return (request, reply) => {
    try {
      const op = operationOf(request);
      if (op === 'stop') {
        if (onStopRequested === null) {
          throw new BrokerError('unsupported', 'the broker is part of another program');
        }
        reply({ ok: true });
        onStopRequested();
        return;
      }
      const operation = Object.hasOwn(operations, op) ? operations[op] : undefined;
      if (operation === undefined) throw new BrokerError('unsupported', `op ${op}`);
      reply({ ok: true, ...operation(running) });
    } catch (error) {
      const code = error instanceof BrokerError ? error.code : 'internal';
      reply({ ok: false, code, text: error instanceof Error ? error.message : String(error) });
    }
  };
}

function operationOf(request: unknown): string {
  if (typeof request === 'object' && request !== null && 'op' in request) return String(request.op);
  throw new BrokerError('unsupported', 'a request is {"op": ...}');
}
