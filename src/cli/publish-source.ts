/**
 * Where the records of `polylog publish` come from: lines of bytes, cut and read.
 *
 * Owns: cutting lines out of a stream, keys out of lines, JSON records. Leaves: sending them.
 */

import { type JsonBytes, jsonOf } from './stored-bytes.ts';

export interface PublishRecord {
  readonly key?: JsonBytes | null;
  readonly value: JsonBytes | null;
  readonly headers?: readonly { readonly key: string; readonly value: JsonBytes | null }[];
  readonly partition?: number;
  readonly timestamp?: number;
}

/** A line is none, and why. */
export class NotARecord extends Error {}

const lineBytesMax = 12 * 1024 * 1024;
const lineFeed = 0x0a;

/** The lines of each chunk together, without their line feeds; the last one may lack one. */
export async function* linesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<readonly Buffer[]> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  for await (const chunk of stream) {
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, start)) {
      lines.push(Buffer.concat([...rest, chunk.subarray(start, end)]));
      rest = [];
      restBytes = 0;
      start = end + 1;
    }
    if (start < chunk.length) rest.push(Buffer.from(chunk.subarray(start)));
    restBytes += chunk.length - start;
    if (restBytes > lineBytesMax) throw new NotARecord('a line is longer than 12 MiB');
    if (lines.length > 0) yield lines;
  }
  if (restBytes > 0) yield [Buffer.concat(rest)];
}

export interface LineRules {
  readonly keySeparator: string | null;
  /** An empty value is none. */
  readonly emptyIsNull: boolean;
  /** Of every record, where the line says nothing. */
  readonly defaults: Omit<PublishRecord, 'value'>;
}

/** @throws NotARecord: the line has no key */
export function recordOfLine(line: Buffer, number: number, rules: LineRules): PublishRecord {
  const { keySeparator, emptyIsNull } = rules;
  const readValue = (bytes: Buffer): JsonBytes | null =>
    bytes.length === 0 && emptyIsNull ? null : jsonOf(bytes);
  if (keySeparator === null) return { value: readValue(line) };
  const mark = line.indexOf(keySeparator);
  if (mark < 0) {
    throw new NotARecord(
      `line ${number} has no key: there is no ${JSON.stringify(keySeparator)} in it`,
    );
  }
  const value = line.subarray(mark + Buffer.byteLength(keySeparator));
  return { key: jsonOf(line.subarray(0, mark)), value: readValue(value) };
}

/** Members that `consume --json` writes and that say where a record was, not what it is. */
const ignoredMembers: ReadonlySet<string> = new Set(['topic', 'offset']);

/** @throws NotARecord */
export function recordOfJson(line: Buffer, number: number): PublishRecord {
  let json: unknown;
  try {
    json = JSON.parse(line.toString());
  } catch (error) {
    throw new NotARecord(`line ${number}: ${String(error)}`);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json) || !('value' in json)) {
    throw new NotARecord(`line ${number}: {"value": …} is expected`);
  }
  const entries = Object.entries(json).filter(
    ([name, value]) => !ignoredMembers.has(name) && !(name === 'timestamp' && value === -1),
  );
  return Object.fromEntries(entries) as unknown as PublishRecord;
}
