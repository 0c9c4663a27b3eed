/**
 * What a check is, and what one that runs may say.
 *
 * Owns: the transcript of each check, which a failure prints. Leaves: order and time to runner.ts.
 */

import { AsyncLocalStorage } from 'node:async_hooks';
import { isDeepStrictEqual } from 'node:util';

export type Program =
  | 'kcat'
  | 'librdkafka'
  | 'librdkafkaDebian'
  | 'kafkajs'
  | 'platformatic'
  | 'python'
  | 'java';

/** One that only brings checks of its own. */
export type UsedProgram = Program | 'franzGo';

export interface Check {
  /** Whose behaviour is looked at: a row's first column in the page about clients. */
  readonly client: string;
  readonly feature: string;
  /** A sentence. */
  readonly name: string;
  /** Programs that it runs: without one of them it is skipped, under CI it fails. */
  readonly uses?: readonly UsedProgram[];
  /** APIs that the broker has to advertise; without one of them the check is skipped. */
  readonly needs?: readonly string[];
  /** Left out of the sampled form. */
  readonly isFullOnly?: boolean;
  /** Runs when nothing else does: it measures time or memory, or takes all of the machine. */
  readonly isAlone?: boolean;
  readonly timeoutMs?: number;
  run(): Promise<void>;
}

export type Outcome = 'passed' | 'failed' | 'skipped';

export interface Result {
  readonly check: Check;
  readonly outcome: Outcome;
  /** Why it was skipped or has failed. */
  readonly reason: string;
  readonly transcript: readonly string[];
  readonly ms: number;
}

/** Thrown by a check that finds that it cannot be done here. */
export class Skipped extends Error {}

const transcripts = new AsyncLocalStorage<string[]>();
const entryLengthMax = 6_000;
const entriesMax = 60;

export async function withTranscript(transcript: string[], action: () => Promise<void>) {
  await transcripts.run(transcript, action);
}

/** Adds to what is printed if the check that is running fails. */
export function note(text: string): void {
  const transcript = transcripts.getStore();
  if (transcript === undefined) return;
  const end = text.length > entryLengthMax ? `… (${text.length} characters)` : '';
  transcript.push(text.slice(0, entryLengthMax) + end);
  if (transcript.length > entriesMax) transcript.splice(2, 1);
}

export function expect(condition: boolean, why: string): asserts condition {
  if (!condition) throw new Error(why);
}

export function expectEqual(actual: unknown, wanted: unknown, what: string): void {
  if (isDeepStrictEqual(actual, wanted)) return;
  throw new Error(`${what}: expected ${show(wanted)}, found ${show(actual)}`);
}

/** The error of a promise that has to fail with a text that matches. */
export async function expectError(action: Promise<unknown>, pattern: RegExp): Promise<void> {
  const message = await action.then(
    () => null,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  if (message === null) throw new Error(`expected an error like ${pattern}, found success`);
  if (!pattern.test(message)) throw new Error(`expected an error like ${pattern}: ${message}`);
}

export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 1_500 ? `${text.slice(0, 1_500)}…` : text;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Looks again until it is true. */
export async function until(what: string, ms: number, isTrue: () => Promise<boolean> | boolean) {
  const deadline = Date.now() + ms;
  while (!(await isTrue())) {
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(25);
  }
}
