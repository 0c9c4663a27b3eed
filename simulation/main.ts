/**
 * The simulator's command line.
 *
 *   npm run simulate                                 1000 seeds
 *   npm run simulate -- --seeds 200 --from 5000      seeds 5000 … 5199
 *   npm run simulate -- --minutes 30                 as many as there is time for
 *   npm run simulate -- --seed 17 --trace            one, and what happened last in it
 */
import process from 'node:process';
import { runSeed } from './run.ts';
import { Totals } from './totals.ts';

interface Options {
  readonly from: number;
  readonly seeds: number;
  readonly minutes: number;
  readonly trace: boolean;
}

function parse(args: readonly string[]): Options {
  const values = new Map<string, number>();
  let trace = false;
  for (let i = 0; i < args.length; i++) {
    const name = args[i] ?? '';
    if (name === '--trace') {
      trace = true;
      continue;
    }
    const value = Number(args[++i]);
    const isKnown = ['--from', '--seeds', '--seed', '--minutes'].includes(name);
    if (!isKnown || !Number.isFinite(value) || value < 0) {
      throw new Error(`${name}: use --seeds N, --from S, --minutes M, or --seed S, and --trace`);
    }
    values.set(name, value);
  }
  const seed = values.get('--seed');
  const minutes = values.get('--minutes') ?? Number.POSITIVE_INFINITY;
  const many = minutes === Number.POSITIVE_INFINITY ? 1000 : Number.MAX_SAFE_INTEGER;
  return {
    from: seed ?? values.get('--from') ?? 1,
    seeds: seed === undefined ? (values.get('--seeds') ?? many) : 1,
    minutes,
    trace,
  };
}

function main(): number {
  const options = parse(process.argv.slice(2));
  const startedAt = performance.now();
  const totals = new Totals();
  const seconds = (): number => (performance.now() - startedAt) / 1000;
  let nextReport = 5;
  for (let i = 0; i < options.seeds && seconds() < options.minutes * 60; i++) {
    const result = runSeed(options.from + i);
    totals.add(result);
    const { failure } = result;
    if (failure !== null) {
      console.log(`FAILED ${failure.message}`);
      console.log(`reproduce: npm run simulate -- --seed ${result.seed} --trace`);
    }
    if (options.trace) {
      console.log(result.tail);
      if (failure !== null) console.log(failure.cause);
      console.log(`seed ${result.seed}: digest ${result.digest}, ${result.events} events`);
    }
    if (seconds() > nextReport) {
      console.log(totals.progress(seconds()));
      nextReport = seconds() + 5;
    }
  }
  console.log(totals.report(seconds()));
  return totals.failures.length === 0 ? 0 : 1;
}

process.exitCode = main();
