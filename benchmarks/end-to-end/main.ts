/**
 * `npm run bench`: the end-to-end benchmarks of the Kafka data path.
 *
 * Prints machine, versions and settings, then a line per load: wall figures, and beside them CPU of the
 * broker per GB and per record, which a noisy machine disturbs least. The generator shares the machine.
 *
 *   npm run bench                     all loads, 20 s each
 *   npm run bench -- --seconds 60     longer
 *   npm run bench -- --only produce   loads whose name contains the word
 */
import { execFileSync } from 'node:child_process';
import os from 'node:os';
import { parseArgs } from 'node:util';
import { BrokerProcess } from './broker-process.ts';
import {
  measureSync,
  measureWriteAndSync,
  type Percentiles,
  type Result,
  runFetch,
  runLatency,
  runProduce,
} from './loads.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    only: { type: 'string', default: '' },
  },
});
const seconds = Number(values.seconds);
const MIB = 1024 * 1024;

function wants(name: string): boolean {
  return name.includes(values.only);
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}

function printMachine(flags: readonly string[]): void {
  const cpus = os.cpus();
  console.log(
    `machine   ${cpus[0]?.model ?? '?'}, ${cpus.length} cores, ${Math.round(os.totalmem() / 2 ** 30)} GiB, ${os.release()}`,
  );
  console.log(`versions  polylog ${commit()}, node ${process.version}`);
  console.log(
    `load      ${os
      .loadavg()
      .map((load) => load.toFixed(2))
      .join(' ')}`,
  );
  console.log(`settings  ${flags.join(' ')}`);
}

function milliseconds({ p50, p99, max }: Percentiles): string {
  return `p50 ${p50.toFixed(2)} p99 ${p99.toFixed(2)} max ${max.toFixed(1)} ms`;
}

function printResult(result: Result): void {
  const megabytes = result.bytes / 1e6;
  const cells = [
    result.name.padEnd(44),
    `${(megabytes / result.seconds).toFixed(0).padStart(5)} MB/s`,
    `${(result.requests / result.seconds / 1000).toFixed(1).padStart(6)} k requests/s`,
    result.records > 0
      ? `${(result.records / result.seconds / 1e6).toFixed(2).padStart(5)} M records/s`
      : '',
    `${((result.cpuMs / megabytes) * 1000).toFixed(0).padStart(6)} CPU ms/GB`,
    result.records > 0
      ? `${((result.cpuMs * 1e6) / result.records).toFixed(0).padStart(6)} ns/record`
      : '',
    result.latencyMs === null ? '' : milliseconds(result.latencyMs),
    `RSS ${Math.round(result.rssBytes / MIB)} MiB`,
  ];
  console.log(cells.filter((cell) => cell !== '').join('  '));
}

const flags = ['--durability', 'fsync', '--retention-check-ms', '200'];
printMachine(flags);
const broker = await new BrokerProcess(flags).ready();
console.log(
  `start     ready in ${broker.readyMs.toFixed(0)} ms, idle RSS ${Math.round(broker.usage().rssBytes / MIB)} MiB`,
);
const recycled = { 'retention.bytes': String(64 * MIB) };
const produce = { partitions: 8, connections: 8, recordBytes: 100, seconds };
try {
  if (wants('produce 64 KB')) {
    printResult(
      await runProduce(broker, {
        ...produce,
        name: 'produce 64 KB batches, 8 connections, recycled',
        topic: 'bench-64k',
        window: 8,
        batchBytes: 65_000,
        options: recycled,
      }),
    );
  }
  if (wants('produce 1 KB')) {
    printResult(
      await runProduce(broker, {
        ...produce,
        name: 'produce 1 KB batches, 8 connections, 50 deep',
        topic: 'bench-1k',
        window: 50,
        batchBytes: 1000,
        options: recycled,
      }),
    );
  }
  if (wants('fetch')) {
    const load = { ...produce, partitions: 1, connections: 1, window: 8, batchBytes: 65_000 };
    const topic = 'bench-fetch';
    await runProduce(broker, { ...load, name: 'fill', topic, seconds: 1, options: {} });
    for (const connections of [1, 4]) {
      const name = `fetch 1 MB, ${connections} connections, page cache`;
      printResult(
        await runFetch(broker, topic, { name, connections, seconds: Math.min(seconds, 10) }),
      );
    }
  }
  if (wants('latency')) {
    printResult(await runLatency(broker, 'bench-latency', 5000));
    console.log(
      `fdatasync of 4 KiB in the same folder         ${milliseconds(measureSync(broker.dataDir, 2000))}`,
    );
  }
  if (wants('growing')) {
    const bare = measureWriteAndSync(broker.dataDir, 5);
    const grown = await runProduce(broker, {
      ...produce,
      name: 'produce 64 KB batches, 8 connections, growing',
      topic: 'bench-growing',
      window: 8,
      batchBytes: 65_000,
      seconds: Math.min(seconds, 10),
      options: {},
    });
    printResult(grown);
    const rate = grown.bytes / 1e6 / grown.seconds;
    console.log(
      `bare write-and-sync of a new file ${bare.toFixed(0)} MB/s: ratio ${(rate / bare).toFixed(2)}`,
    );
  }
} finally {
  await broker.stop();
  broker.removeData();
}
