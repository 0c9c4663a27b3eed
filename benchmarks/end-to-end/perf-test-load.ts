/**
 * Apache's own producer-perf-test with its defaults: 100 B records as fast as it can.
 */
import { spawn } from 'node:child_process';
import { toolCommand } from './kafka-peer.ts';
import { type Measure, measure, noLatency } from './measure.ts';
import type { Peer } from './peer.ts';
import { createTopic, deleteTopic } from './topics.ts';

/** What makes a round about as long as asked for. */
const recordsPerSecond = 500_000;
const recordBytes = 100;

/** The figure is thousands of records per second, as the tool says it. */
export async function runPerfTest(peer: Peer, topic: string, seconds: number): Promise<Measure> {
  await createTopic(peer, topic, 8, peer.recyclingOptions);
  const records = Math.round(recordsPerSecond * seconds);
  const [java = '', ...args] = toolCommand('ProducerPerformance', [
    ...['--topic', topic, '--num-records', String(records), '--record-size', String(recordBytes)],
    ...['--throughput', '-1', '--producer-props', `bootstrap.servers=127.0.0.1:${peer.port}`],
  ]);
  const counts = { bytes: records * recordBytes, records, requests: 0 };
  let text = '';
  const measured = await measure(peer, counts, null, async () => {
    text = await run(java, args);
  });
  await deleteTopic(peer, topic);
  // The last line: "N records sent, R records/sec (M MB/sec), A ms avg latency, X ms max latency, ..."
  const summary = text.trim().split('\n').at(-1) ?? '';
  const rate = /([\d.]+) records\/sec/.exec(summary)?.[1];
  const latencies = /([\d.]+) ms max latency, (\d+) ms 50th, \d+ ms 95th, (\d+) ms 99th, (\d+)/;
  const [, max = 0, p50 = 0, p99 = 0, p999 = 0] = latencies.exec(summary)?.map(Number) ?? [];
  if (rate === undefined) throw new Error(`producer-perf-test failed: ${text}`);
  return {
    ...measured,
    value: Number(rate) / 1000,
    latencyMs: { ...noLatency, max, p50, p99, p999 },
  };
}

function run(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
    }
    child.once('error', reject);
    child.once('close', () => resolve(text));
  });
}
