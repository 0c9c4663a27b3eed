/**
 * `npm run bench`: this broker beside Apache Kafka, in the same run.
 *
 *   npm run bench                                  all loads
 *   npm run bench -- produce-64k --seconds 20      loads whose names begin so, rounds of 20 s
 *   npm run bench -- --rounds 5 --peer none        five rounds of each, without Kafka
 *   npm run bench -- --record                      what is printed goes into RESULTS.md, too
 *
 * The generator shares the machine: wall figures hold for this machine, CPU of the broker per GB and
 * per record is disturbed least. Rounds alternate between the brokers; medians are shown.
 */
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { installKafka } from './kafka-peer.ts';
import { loadText, machineText, runUnderBenchmarkNode } from './machine.ts';
import type { PeerKind } from './peer.ts';
import { loads, startLoad } from './plan.ts';
import { polylog } from './polylog-peer.ts';
import { resultTable, verdictTable } from './report.ts';
import { type Result, runLoad, runStarts, type Schedule } from './rounds.ts';

const resultsFile = fileURLToPath(new URL('../../../benchmarks/RESULTS.md', import.meta.url));

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      peer: { type: 'string', default: 'kafka' },
      record: { type: 'boolean', default: false },
    },
  });
  const wants = (name: string): boolean =>
    positionals.length === 0 || positionals.some((prefix) => name.startsWith(prefix));
  const kafka = values.peer === 'kafka' ? installKafka() : null;
  const schedule: Schedule = {
    kinds: kafka === null ? [polylog] : [polylog, kafka],
    roundCount: Number(values.rounds),
    seconds: values.seconds === undefined ? null : Number(values.seconds),
  };
  const lines = headLines(schedule);
  for (const line of lines) console.log(line);
  const results: Result[] = [];
  for (const load of loads.filter(({ name }) => wants(name))) {
    // Without Kafka there is nobody who has its tools.
    if (load.name === 'producer-perf-test' && kafka === null) continue;
    const done = await runLoad(load, schedule);
    results.push(...done);
    console.log(`\n${resultTable(done)}`);
  }
  if (wants(startLoad.name)) {
    const done = await runStarts(schedule);
    results.push(done);
    console.log(`\n${resultTable([done])}`);
  }
  lines.push(`- load average at the end: ${loadText()}`);
  console.log(`\n${lines.at(-1)}\n\n${verdictTable(results)}`);
  if (values.record) record(lines, results);
}

function headLines({ kinds, roundCount }: Schedule): string[] {
  return [
    `- machine: ${machineText()}`,
    ...kinds.map(({ version, settings }: PeerKind) => `- ${version}; ${settings}`),
    `- ${roundCount} rounds of each, alternating; disks are flushed between rounds`,
    `- load average at the start: ${loadText()}`,
  ];
}

/** Newest first, after the introduction. */
function record(lines: readonly string[], results: readonly Result[]): void {
  const text = fs.readFileSync(resultsFile, 'utf8');
  const at = text.indexOf('\n## ');
  const title = `## ${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}`;
  const parts = [title, lines.join('\n'), verdictTable(results), resultTable(results)];
  const section = parts.filter((part) => part !== '').join('\n\n');
  fs.writeFileSync(resultsFile, `${text.slice(0, at)}\n${section}\n${text.slice(at)}`);
}

const code = runUnderBenchmarkNode();
if (code === null) await main();
else process.exitCode = code;
