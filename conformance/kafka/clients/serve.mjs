/**
 * A client as a process of its own: requests as lines of JSON in, answers as lines of JSON out.
 *
 *     in    {"id": 1, "operation": "read", ...}
 *     out   {"id": 1, "result": ...}  or  {"id": 1, "error": {"name": ..., "message": ...}}
 *
 * A worker of a group says by itself, between answers, what it has done:
 *
 *     out   {"event": "read", "at": ms, "partition": 3, "first": 120, "values": [...]}
 *     out   {"event": "committed", "at": ms, "offsets": [[3, 125], ...]}
 *     out   {"event": "rebalance", "at": ms}
 *
 * Keys, values and header values are base64, or null. Requests run side by side. The process ends
 * when its input does.
 */

import { createInterface } from 'node:readline';

// What clients print must not be mistaken for an answer.
const write = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);

/** Has left this process when it returns: writes to a pipe are synchronous. */
export function say(event) {
  write(`${JSON.stringify({ ...event, at: Date.now() })}\n`);
}

/** @param {Record<string, (request: any) => Promise<unknown>>} operations */
export function serve(operations) {
  const lines = createInterface({ input: process.stdin });
  const handle = async (line) => {
    const request = JSON.parse(line);
    let answer;
    try {
      const operation = operations[request.operation];
      if (operation === undefined) throw new Error(`no operation ${request.operation}`);
      answer = { id: request.id, result: await operation(request) };
    } catch (error) {
      answer = { id: request.id, error: describe(error) };
    }
    write(
      `${JSON.stringify(answer, (_, value) => (typeof value === 'bigint' ? Number(value) : value))}\n`,
    );
  };
  lines.on('line', (line) => void handle(line));
  lines.on('close', () => process.exit(0));
  process.on('unhandledRejection', (error) => console.error('unhandled:', error));
}

/** The names and codes of an error and of what caused it. */
function describe(error) {
  const parts = [];
  collect(error, parts, 0);
  return { name: error?.name ?? 'Error', message: parts.join(' <- ') };
}

function collect(error, parts, depth) {
  if (error === null || error === undefined || depth > 5) return;
  const names = [error.name, error.type, error.apiId, error.code];
  parts.push(`${[...new Set(names)].filter(Boolean).join(' ')}: ${error.message ?? error}`);
  for (const cause of error.errors ?? []) collect(cause, parts, depth + 1);
  collect(error.cause, parts, depth + 1);
}

/** @param {string | null | undefined} text */
export function bytesOf(text) {
  return text === null || text === undefined ? null : Buffer.from(text, 'base64');
}

/** @param {Uint8Array | null | undefined} bytes */
export function textOf(bytes) {
  return bytes === null || bytes === undefined ? null : Buffer.from(bytes).toString('base64');
}
