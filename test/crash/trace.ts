/**
 * System calls that fail or take their time: the broker runs under strace, which injects it.
 *
 * Owns: strace's arguments, what it noted. It counts calls by thread.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';

/** Why there is no injecting here; null when there is. */
export function traceUnavailable(): string | null {
  if (process.platform !== 'linux') return 'it needs Linux';
  const probe = spawnSync('strace', ['-qq', '-o', '/dev/null', 'true']);
  if (probe.error !== undefined) return 'there is no strace';
  return probe.status === 0 ? null : 'strace may not trace';
}

function under(calls: string, injection: string, notes = '/dev/null'): string[] {
  const inject = ['-e', `trace=${calls}`, '-e', `inject=${calls}:${injection}`];
  return ['strace', '-f', '-qq', '--seccomp-bpf', '-o', notes, ...inject];
}

/** Every `fdatasync` begins `delayMs` late. */
export function slowSyncs(delayMs: number): string[] {
  return under('fdatasync', `delay_enter=${delayMs * 1000}`);
}

/** The `nth` of `calls` in each thread fails with `error`; noted in the file `notes`. */
export function failing(calls: string, error: string, nth: number, notes: string): string[] {
  return under(calls, `error=${error}:when=${nth}`, notes);
}

/** How many calls were made to fail, by the notes. */
export function failuresIn(notes: string): number {
  const text = fs.existsSync(notes) ? fs.readFileSync(notes, 'utf8') : '';
  return text.split('(INJECTED)').length - 1;
}
