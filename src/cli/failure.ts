/**
 * What the command line says when something fails, and the code it ends with.
 *
 *     0   done
 *     1   it failed: storage, a port, a broker that is not there
 *     2   the options are wrong
 *     70  the broker cannot go on: a disk failed, or a mistake of ours
 */

import { BrokerError, type BrokerErrorCode, errorTable } from '../kernel/errors.ts';

export const exitCode = { done: 0, failed: 1, usage: 2, fault: 70 } as const;

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
]);

/** What to do about it, where the text alone does not say so. */
const hints: { readonly [Code in BrokerErrorCode]?: string } = {
  data_folder_locked: 'stop it, or choose another --data-dir',
  data_folder_newer: 'start the version that wrote it, or choose another --data-dir',
  data_folder_unwritable: 'choose another --data-dir, or let this user write there',
  port_in_use: 'stop it, or choose another port with --listen',
  not_loopback: 'or listen on 127.0.0.1',
  storage_damaged: '"polylog inspect" shows what is damaged',
};

/** Null: not an error that was to be expected. */
export function describeFailure(error: unknown): Failure | null {
  if (!(error instanceof BrokerError)) return null;
  const isUsage = usageErrors.has(error.code);
  const text = textOf(error);
  const hint = hints[error.code];
  return {
    line: hint === undefined ? text : `${text}; ${hint}`,
    exitCode: isUsage ? exitCode.usage : exitCode.failed,
  };
}

/** One line: what is wrong with an option says enough, everything else after its own text. */
export function textOf({ code, detail }: BrokerError): string {
  const line = detail.replaceAll('\n', ' ');
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
