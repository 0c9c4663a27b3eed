/**
 * A reporter for node:test that is short when all is well: one line per file, failures and skips in
 * full, and the totals alone on the last line.
 *
 * Owns: the text. Leaves: starting the tests and watching over them (scripts/run-tests.ts).
 *
 * Invariant: a file without a single test counts as a failure. Node counts it as a passed test, so
 * a suite that was emptied by mistake would stay green.
 */

import * as path from 'node:path';
import type { TestEvent } from 'node:test/reporters';

interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

type ResultData = Extract<TestEvent, { type: 'test:pass' | 'test:fail' }>['data'];

// biome-ignore lint/style/noDefaultExport: node --test-reporter takes the default export
export default async function* reportTests(
  events: AsyncIterable<TestEvent>,
): AsyncGenerator<string> {
  const all: Totals = { passed: 0, failed: 0, skipped: 0 };
  let inFile: Totals = { passed: 0, failed: 0, skipped: 0 };
  let currentFile: string | undefined;
  for await (const event of events) {
    if (event.type === 'test:stdout' || event.type === 'test:stderr') {
      yield event.data.message;
    }
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue;
    const file = event.data.file;
    if (file !== currentFile && currentFile !== undefined) {
      yield describeFile(currentFile, inFile);
      inFile = { passed: 0, failed: 0, skipped: 0 };
    }
    currentFile = file ?? currentFile;
    const { outcome, text } = judge(event.type === 'test:pass', event.data);
    if (outcome !== undefined) {
      all[outcome] += 1;
      inFile[outcome] += 1;
    }
    yield text;
  }
  if (currentFile !== undefined) yield describeFile(currentFile, inFile);
  if (all.skipped > 0) yield `${all.skipped} skipped, for the reasons above\n`;
  yield `${all.passed} passed, ${all.failed} failed\n`;
}

function judge(
  isPass: boolean,
  data: ResultData,
): { outcome: keyof Totals | undefined; text: string } {
  const where = `${shortPath(data.file)}: ${data.name}`;
  const reason = data.skip ?? data.todo;
  if (reason !== undefined && reason !== false) {
    const why = reason === true || reason === '' ? 'no reason given' : reason;
    return { outcome: 'skipped', text: `skipped  ${where} (${why})\n` };
  }
  if (isPass) {
    // A file that has tests is never reported itself when it passes.
    if (data.file !== undefined && path.resolve(data.name) === path.resolve(data.file)) {
      return { outcome: 'failed', text: `FAILED   ${shortPath(data.file)} has no tests\n` };
    }
    return { outcome: data.details.type === 'suite' ? undefined : 'passed', text: '' };
  }
  const error = failureOf(data);
  // The parents of a failed test fail too, and have nothing to add.
  if (error?.failureType === 'subtestsFailed') {
    return { outcome: data.details.type === 'suite' ? undefined : 'failed', text: '' };
  }
  return { outcome: 'failed', text: `FAILED   ${where}\n${indent(describeError(error))}\n` };
}

interface TestFailure {
  readonly failureType?: string;
  readonly cause?: unknown;
}

function failureOf(data: ResultData): TestFailure | undefined {
  return 'error' in data.details ? (data.details.error as TestFailure) : undefined;
}

function describeError(error: TestFailure | undefined): string {
  const cause = error?.cause ?? error;
  if (!(cause instanceof Error)) return String(cause);
  const nested = cause.cause instanceof Error ? `\ncaused by ${cause.cause.stack}` : '';
  return (cause.stack ?? String(cause)) + nested;
}

function describeFile(file: string, totals: Totals): string {
  const mark = totals.failed > 0 ? 'FAILED  ' : 'ok      ';
  const failed = totals.failed > 0 ? `, ${totals.failed} failed` : '';
  const skipped = totals.skipped > 0 ? `, ${totals.skipped} skipped` : '';
  return `${mark} ${shortPath(file)}  ${totals.passed} passed${failed}${skipped}\n`;
}

function shortPath(file: string | undefined): string {
  if (file === undefined) return '(no file)';
  return path
    .relative(process.cwd(), file)
    .replace(/^dist[\\/]/, '')
    .replace(/\.js$/, '.ts');
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '         ');
}
