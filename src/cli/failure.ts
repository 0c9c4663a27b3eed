/**
 * What the command line says when something fails, and the code it ends with.
 */

import { BrokerError, type BrokerErrorCode, errorTable } from '../kernel/errors.ts';

export const exitCode = {
  done: 0,
  failed: 1,
  usage: 2,
  notRunning: 3,
  missing: 4,
  fault: 70,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCode)[keyof typeof exitCode];

/** For help and the reference. */
export const exitCodeTexts: readonly (readonly [ExitCode, string])[] = [
  [exitCode.done, 'Done.'],
  [
    exitCode.failed,
    'It failed: storage, a port, something in the way. `doctor`: something is wrong.',
  ],
  [exitCode.usage, 'The flags or arguments are wrong; nothing was done.'],
  [exitCode.notRunning, 'No broker is running on the data folder.'],
  [exitCode.missing, 'What was named does not exist: a topic, a partition, a group.'],
  [exitCode.fault, 'The broker cannot go on: a disk failed, or a mistake of ours.'],
  [exitCode.interrupted, 'Interrupted before it was done (Ctrl-C).'],
];

/** A command cannot do what it was asked, and says so in one line. */
export class CommandFailure extends Error {
  readonly exitCode: ExitCode;

  constructor(line: string, code: ExitCode = exitCode.failed) {
    super(line);
    this.name = 'CommandFailure';
    this.exitCode = code;
  }
}

export interface Failure {
  /** One line. */
  readonly line: string;
  readonly exitCode: number;
}

const usageErrors: ReadonlySet<BrokerErrorCode> = new Set([
  'invalid_option',
  'not_loopback',
  'unknown_config',
  'invalid_config',
  'invalid_topic_name',
  'invalid_partitions',
  'invalid_replication_factor',
  'invalid_group_id',
]);

/** What to do about it, where the text alone does not say so. */
const hints: { readonly [Code in BrokerErrorCode]?: string } = {
  data_folder_locked: 'stop it, or choose another --data-dir',
  data_folder_newer: 'start the version that wrote it, or choose another --data-dir',
  data_folder_unwritable: 'choose another --data-dir, or let this user write there',
  port_in_use: 'stop it, or choose another port with --listen',
  not_loopback: 'or listen on 127.0.0.1',
  storage_damaged: '"polylog repair" says what is lost, and with leave goes on without it',
  group_not_empty: 'stop its consumers first',
};

/** Null: not an error that was to be expected. */
export function describeFailure(error: unknown): Failure | null {
  if (error instanceof CommandFailure) {
    return { line: oneLine(error.message), exitCode: error.exitCode };
  }
  if (!(error instanceof BrokerError)) return null;
  const text = textOf(error);
  const hint = hints[error.code];
  return {
    line: hint === undefined ? text : `${text}; ${hint}`,
    exitCode: exitCodeOf(error),
  };
}

/** One line: what is wrong with an option says enough, everything else after its own text. */
export function textOf({ code, detail }: BrokerError): string {
  const line = oneLine(detail);
  if (code === 'invalid_option') return line;
  const text = errorTable[code].text.replace(/\.$/, '');
  return line === '' ? text : `${text}: ${line}`;
}

/** Says what failed and sets the exit code; a mistake of ours is shown with its stack. */
export function reportFailure(error: unknown): void {
  const failure = describeFailure(error);
  if (failure === null) {
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`polylog: unexpected error: ${detail}\n`);
    process.exitCode = exitCode.fault;
    return;
  }
  process.stderr.write(`polylog: ${failure.line}\n`);
  process.exitCode = failure.exitCode;
}

function exitCodeOf({ code, kind }: BrokerError): ExitCode {
  if (usageErrors.has(code)) return exitCode.usage;
  return kind === 'missing' ? exitCode.missing : exitCode.failed;
}

function oneLine(text: string): string {
  return text.replaceAll('\n', ' ');
}
