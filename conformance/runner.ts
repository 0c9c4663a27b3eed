/**
 * Runs checks, a few at a time, and says what became of them.
 *
 * Invariant: a check that hangs counts as failed and does not hold up the others.
 */

import { type Check, type Result, Skipped, type UsedProgram, withTranscript } from './check.ts';

const timeoutMs = 60_000;

export interface RunnerOptions {
  readonly isSampled: boolean;
  readonly concurrency: number;
  /** Names of the APIs that the broker advertises. */
  readonly apis: ReadonlySet<string>;
  /** Why a program is not there. */
  readonly missing: ReadonlyMap<UsedProgram, string>;
  /** Whether a missing program is a failure. */
  readonly mustHaveAll: boolean;
}

export async function runChecks(
  checks: readonly Check[],
  options: RunnerOptions,
): Promise<Result[]> {
  const wanted = checks.filter((check) => !(options.isSampled && check.isFullOnly));
  const results: Result[] = [];
  const queue = wanted.filter((check) => check.isAlone !== true);
  const worker = async (): Promise<void> => {
    for (let check = queue.shift(); check !== undefined; check = queue.shift()) {
      results.push(await runOne(check, options));
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, worker));
  for (const check of wanted) {
    if (check.isAlone === true) results.push(await runOne(check, options));
  }
  return results.sort((a, b) => wanted.indexOf(a.check) - wanted.indexOf(b.check));
}

async function runOne(check: Check, options: RunnerOptions): Promise<Result> {
  const missing = (check.needs ?? []).filter((name) => !options.apis.has(name));
  const absent = (check.uses ?? []).find((name) => options.missing.has(name));
  const transcript: string[] = [];
  const startedAt = performance.now();
  let outcome: Result['outcome'] = 'passed';
  let reason = '';
  if (missing.length > 0) {
    outcome = 'skipped';
    reason = `the broker does not advertise ${missing.join(', ')}`;
  } else if (absent !== undefined) {
    outcome = options.mustHaveAll ? 'failed' : 'skipped';
    reason = options.missing.get(absent) ?? '';
  } else {
    try {
      await withTranscript(transcript, () => inTime(check));
    } catch (error) {
      outcome = error instanceof Skipped ? 'skipped' : 'failed';
      reason = error instanceof Error ? error.message : String(error);
    }
  }
  const ms = performance.now() - startedAt;
  const result = { check, outcome, reason, transcript, ms };
  print(result);
  return result;
}

async function inTime(check: Check): Promise<void> {
  const limit = check.timeoutMs ?? timeoutMs;
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${limit} ms`)), limit);
  });
  try {
    await Promise.race([check.run(), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

const words = { passed: 'ok     ', failed: 'FAILED ', skipped: 'skipped' } as const;

function print({ check, outcome, reason, transcript, ms }: Result): void {
  const seconds = (ms / 1000).toFixed(1).padStart(5);
  console.log(`${words[outcome]} ${seconds} s  ${check.client}: ${check.name}`);
  if (outcome === 'skipped') console.log(`                 ${reason}`);
  if (outcome !== 'failed' && process.env.CONFORMANCE_TRANSCRIPTS === undefined) return;
  console.log(indent(reason));
  for (const entry of transcript) console.log(indent(entry));
}

function indent(text: string): string {
  return text.trimEnd().replaceAll(/^/gm, '        | ');
}
