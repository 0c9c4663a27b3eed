/**
 * Records as lines: fields with separators, or JSON.
 *
 * Bytes go out as they are, unless a terminal reads them: then what would move its cursor is shown.
 */

import { CommandFailure, exitCode } from './failure.ts';
import { print, printable } from './output.ts';
import type { PartitionRead, ReadRecord } from './record-reader.ts';
import { bytesOf, type JsonBytes, jsonOf } from './stored-bytes.ts';
import { timeText } from './table.ts';

const fieldNames = [
  'topic',
  'partition',
  'offset',
  'timestamp',
  'key',
  'value',
  'headers',
] as const;
export type RecordField = (typeof fieldNames)[number];

export type PrintRecords = (read: PartitionRead) => Promise<void>;

const lineFeed = Buffer.from('\n');

/** @throws CommandFailure */
export function parseFields(text: string): readonly RecordField[] {
  return text.split(',').map((name) => {
    const field = fieldNames.find((each) => each === name.trim());
    if (field !== undefined) return field;
    const line = `--print ${text}: fields out of ${fieldNames.join(', ')} are expected`;
    throw new CommandFailure(line, exitCode.usage);
  });
}

export const printRecordsJson: PrintRecords = ({ topic, partition, records }) =>
  print(records.map((each) => `${JSON.stringify({ topic, partition, ...each })}\n`).join(''));

export function fieldPrinter(fields: readonly RecordField[], separator: string): PrintRecords {
  const isTerminal = process.stdout.isTTY === true;
  const between = Buffer.from(separator);
  return (read) => {
    const pieces: Buffer[] = [];
    for (const record of read.records) {
      for (const [i, field] of fields.entries()) {
        if (i > 0) pieces.push(between);
        const bytes = fieldBytes(field, read, record);
        pieces.push(isTerminal ? Buffer.from(printable(bytes.toString())) : bytes);
      }
      pieces.push(lineFeed);
    }
    return print(Buffer.concat(pieces));
  };
}

function fieldBytes(field: RecordField, read: PartitionRead, record: ReadRecord): Buffer {
  switch (field) {
    case 'topic':
      return Buffer.from(read.topic);
    case 'partition':
      return Buffer.from(String(read.partition));
    case 'offset':
      return Buffer.from(String(record.offset));
    case 'timestamp':
      return Buffer.from(timeText(record.timestamp));
    case 'key':
      return bytesOf(record.key) ?? Buffer.from('null');
    case 'value':
      return bytesOf(record.value) ?? Buffer.from('null');
    case 'headers':
      return Buffer.from(
        record.headers.map(({ key, value }) => `${key}=${shown(value)}`).join(','),
      );
  }
}

/** One line for people: bytes that are no text as base64. */
export function shown(json: JsonBytes | null): string {
  if (json === null) return 'null';
  if (typeof json === 'string') return printable(json);
  const bytes = bytesOf(json) ?? Buffer.alloc(0);
  return `${bytes.length} bytes ${JSON.stringify(jsonOf(bytes))}`;
}
