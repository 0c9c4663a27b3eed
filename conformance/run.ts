/**
 * Real clients against a real broker.
 *
 *     npm run conformance                    everything; writes docs/reference/clients.md
 *     npm run conformance -- --sampled       the shorter form, as under CI
 *     npm run conformance -- restart kcat    the checks whose client, feature or name has all of these
 *
 * Owns: the shared broker, the end. Leaves: what is checked to kafka/, where clients come from to
 * tools.ts. The last line is "N passed, N failed".
 */

import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { BrokerProcess, disposeAll } from './broker-process.ts';
import type { Check, Result } from './check.ts';
import { clientsPage } from './clients-page.ts';
import type { Observed } from './kafka/checks/observed.ts';
import { kafkaChecks } from './kafka/index.ts';
import { apiNames, readApiVersions } from './kafka/wire.ts';
import { describePrograms, missingPrograms, World } from './kafka/world.ts';
import { runChecks } from './runner.ts';
import { installTools } from './tools.ts';

// This file runs from dist/conformance/.
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const concurrency = 3;

async function main(args: readonly string[]): Promise<number> {
  const isCi = process.env.CI === 'true';
  const isFull = args.includes('--full');
  const isSampled = args.includes('--sampled') || (isCi && !isFull);
  const words = args.filter((word) => !word.startsWith('--'));
  const startedAt = performance.now();
  const tools = await installTools(root);
  const broker = new BrokerProcess(root, []);
  await broker.start();
  const apis = await advertised(broker.port);
  const observed: Observed = { versions: new Map() };
  const world = new World(tools, broker, apis);
  const checks = kafkaChecks(world, observed).filter((check) => matches(check, words));
  const missing = missingPrograms(tools);
  const options = { isSampled, concurrency, apis, missing, mustHaveAll: isCi };
  const results = await runChecks([...checks, lastCheck(broker)], options);
  world.close();
  await disposeAll();
  if (!isSampled && words.length === 0) {
    const page = path.join(root, 'docs/reference/clients.md');
    fs.writeFileSync(page, clientsPage(results, describePrograms(tools), observed));
  }
  return summarize(results, performance.now() - startedAt);
}

async function advertised(port: number): Promise<ReadonlySet<string>> {
  const versions = await readApiVersions(port);
  return new Set([...versions.keys()].map((key) => apiNames[key] ?? `API ${key}`));
}

function matches({ client, feature, name }: Check, words: readonly string[]): boolean {
  const text = `${client} ${feature} ${name}`.toLowerCase();
  return words.every((word) => text.includes(word.toLowerCase()));
}

/** After all that clients and others did to it. */
function lastCheck(broker: BrokerProcess): Check {
  return {
    client: 'raw',
    feature: 'the broker afterwards',
    name: 'the broker has had no error and ends cleanly',
    isAlone: true,
    run: async () => {
      const { log } = broker;
      const code = await broker.dispose();
      const errors = log.split('\n').filter((line) => /"level":(50|60)|error/i.test(line));
      if (errors.length > 0) throw new Error(`it has logged errors:\n${errors.join('\n')}`);
      if (code !== 0) throw new Error(`it has ended with code ${code}:\n${log}`);
    },
  };
}

function summarize(results: readonly Result[], ms: number): number {
  const count = (outcome: Result['outcome']): number =>
    results.filter((result) => result.outcome === outcome).length;
  const failed = count('failed');
  if (failed > 0) console.log('\nfailed:');
  for (const { check, outcome, reason } of results) {
    if (outcome !== 'failed') continue;
    console.log(`  ${check.client}: ${check.name}: ${reason.slice(0, 300)}`);
  }
  console.log(`\n${count('skipped')} skipped, ${Math.round(ms / 1000)} s`);
  console.log(`${count('passed')} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    console.log(`ended by ${signal}`);
    void disposeAll().then(() => process.exit(1));
  });
}
// Of a check that let go of a promise: what it has started must not outlive the run.
process.on('unhandledRejection', (error) => {
  console.error(error);
  console.log('0 passed, 1 failed');
  void disposeAll().then(() => process.exit(1));
});
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error);
  await disposeAll();
  console.log('0 passed, 1 failed');
  process.exitCode = 1;
}
