/**
 * `polylog tail`: what is published from now on, in several topics, also such as are made later.
 */

import { type AdminSession, withBroker } from './admin-session.ts';
import { wholeNumber } from './assignments.ts';
import { CommandFailure, exitCode } from './failure.ts';
import { onInterrupt, unlessInterrupted } from './interrupt.ts';
import { note, print } from './output.ts';
import { type PrintRecords, printRecordsJson, shown } from './record-print.ts';
import { RecordReader } from './record-reader.ts';
import { timeText } from './table.ts';
import { isPattern, matchingTopics } from './topic-names.ts';

export interface TailFlags {
  readonly last?: string;
  readonly count?: string;
  readonly json?: boolean;
}

/** New topics and partitions are looked for this often. */
const waitMs = 2000;
const recordsMax = 5000;

export async function tail(
  dataDir: string,
  patterns: readonly string[],
  flags: TailFlags,
): Promise<void> {
  const last = wholeNumber('--last', flags.last ?? '0', { min: 0 });
  const count =
    flags.count === undefined
      ? Number.POSITIVE_INFINITY
      : wholeNumber('--count', flags.count, { min: 1 });
  const signal = onInterrupt();
  await withBroker(dataDir, async (session) => {
    const printer = flags.json === true ? printRecordsJson : printLines;
    const follower = new Follower(session, patterns, signal);
    await unlessInterrupted(signal, follower.run({ last, count, printer }));
  });
}

class Follower {
  readonly #session: AdminSession;
  readonly #patterns: readonly string[];
  readonly #signal: AbortSignal;
  readonly #reader: RecordReader;

  constructor(session: AdminSession, patterns: readonly string[], signal: AbortSignal) {
    this.#session = session;
    this.#patterns = patterns;
    this.#signal = signal;
    this.#reader = new RecordReader(session);
  }

  async run(options: {
    readonly last: number;
    readonly count: number;
    readonly printer: PrintRecords;
  }): Promise<void> {
    const { last, printer } = options;
    let left = options.count;
    await this.#look(last === 0 ? 'latest' : { fromEnd: last });
    this.#assertPlain();
    while (left > 0 && !this.#signal.aborted) {
      const limits = { maxRecords: Math.min(left, recordsMax), waitMs, signal: this.#signal };
      for (const read of await this.#reader.read(limits)) {
        await printer(read);
        left -= read.records.length;
      }
      // What was made meanwhile is shown from its beginning.
      await this.#look('earliest');
    }
  }

  async #look(from: 'latest' | 'earliest' | { readonly fromEnd: number }): Promise<void> {
    for (const topic of await matchingTopics(this.#session, this.#patterns, this.#signal)) {
      for (let i = 0; i < topic.partitions; i++) this.#reader.add(topic.name, i, from);
    }
  }

  /** A name that is no pattern is that of a topic there is. */
  #assertPlain(): void {
    if (this.#reader.count > 0) return;
    const line = `no topic is called ${this.#patterns.join(' or ')}`;
    if (this.#patterns.some(isPattern)) note(`polylog: ${line} yet; waiting`);
    else throw new CommandFailure(line, exitCode.missing);
  }
}

const printLines: PrintRecords = ({ topic, partition, records }) =>
  print(
    records
      .map(({ offset, timestamp, key, value, headers }) => {
        const time = timeText(timestamp).slice(11, 23) || '-';
        const place = `${topic}[${partition}]@${offset}`;
        const keyText = key === null ? '' : `  ${shown(key)}:`;
        const rest = headers.map((header) => `  ${header.key}=${shown(header.value)}`).join('');
        return `${time}  ${place}${keyText}  ${shown(value)}${rest}\n`;
      })
      .join(''),
  );
