/**
 * Feeds decoders and connections with nonsense until the time is over.
 *
 *     npm run fuzz                                  a minute and a half, a seed of the day's luck
 *     npm run fuzz -- --seconds 3600 --seed 7
 *     npm run fuzz -- --target 'kafka decoders'     one target alone
 *     npm run fuzz -- --target NAME --round N       one round again, as a failure prints it
 *
 * Owns: finding the targets (files of src named `*.fuzz.ts` with an export `targets`), dividing the time among
 * them, the line that repeats a failure. The last line is "N passed, N failed", a target each.
 */

import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import type { FuzzTarget } from '../../simulation/fuzz-target.ts';
import { diceFor, findTargets } from './targets.ts';

const secondsDefault = 90;
/** Turns that each target gets, so that all have run when the time is cut short. */
const turns = 10;

interface Progress {
  readonly target: FuzzTarget;
  rounds: number;
  inputs: number;
  failure: string | null;
}

function runRound(progress: Progress, seed: number, round: number): void {
  const { target } = progress;
  try {
    progress.inputs += target.round(diceFor(seed, target, round));
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    progress.failure = text;
    console.log(`FAILED ${target.name}: ${text}`);
    console.log(`again: npm run fuzz -- --target '${target.name}' --seed ${seed} --round ${round}`);
  }
  progress.rounds++;
}

function runFor(progress: Progress, seed: number, ms: number): void {
  const endsAt = performance.now() + ms;
  while (progress.failure === null && performance.now() < endsAt) {
    runRound(progress, seed, progress.rounds);
  }
}

function summarize(all: readonly Progress[]): number {
  for (const { target, rounds, inputs, failure } of all) {
    const word = failure === null ? 'ok     ' : 'FAILED ';
    console.log(`${word} ${target.name.padEnd(28)} ${rounds} rounds, ${inputs} inputs`);
  }
  const failed = all.filter(({ failure }) => failure !== null).length;
  console.log(`${all.length - failed} passed, ${failed} failed`);
  return failed === 0 && all.length > 0 ? 0 : 1;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string' },
      seed: { type: 'string' },
      target: { type: 'string' },
      round: { type: 'string' },
    },
  });
  const seed = Number(values.seed ?? randomInt(2 ** 31));
  const seconds = Number(values.seconds ?? secondsDefault);
  const wanted = await findTargets();
  const all = wanted
    .filter(({ name }) => values.target === undefined || name === values.target)
    .map((target): Progress => ({ target, rounds: 0, inputs: 0, failure: null }));
  console.log(`seed ${seed}, ${seconds} s, ${all.length} targets`);
  if (values.round !== undefined) {
    for (const progress of all) runRound(progress, seed, Number(values.round));
    return summarize(all);
  }
  const shareMs = (seconds * 1000) / Math.max(1, all.length) / turns;
  for (let turn = 0; turn < turns; turn++) for (const each of all) runFor(each, seed, shareMs);
  return summarize(all);
}

process.exitCode = await main();
