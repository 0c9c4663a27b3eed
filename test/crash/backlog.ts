/**
 * A long backlog: a queue with millions of batches of one small record. The broker starts as quickly as
 * with none, and needs hardly more memory.
 */
import net from 'node:net';
import { buildBatch } from '../../src/record/batch-builder.ts';
import { QueueHost, type QueueHostOptions } from './queue-host.ts';
import { check, type Report, spread } from './report.ts';
import { produce } from './wire.ts';

const MIB = 1024 * 1024;
const QUEUE = 'backlog';
const VALUE_BYTES = 100;
const WINDOW = 2000;
const FRAMES_PER_WRITE = 250;
const SERVED_MS_MAX = 3000;
const GROWTH_BYTES_MAX = 100 * MIB;
const STARTS = 3;

export async function backlog(
  report: Report,
  plan: { readonly dataDir: string; readonly steps: readonly number[] },
): Promise<void> {
  const options: QueueHostOptions = {
    dataDir: plan.dataDir,
    queue: QUEUE,
    settings: {},
    consume: 'none',
    seed: 1,
  };
  const start = (): Promise<QueueHost> =>
    new QueueHost(options).until('start', ({ port }) => port > 0, 120_000);
  let count = 0;
  /** Resident bytes after a start with so many. */
  let emptyBytes = 0;
  await check(report, 'backlog: a new data folder', async () => {
    const host = await start();
    emptyBytes = host.residentBytes;
    await host.crash();
    return `ready in ${host.servedMs.toFixed(0)} ms, ${megabytes(emptyBytes)} resident`;
  });
  for (const step of plan.steps) {
    await check(report, `backlog: ${step} batches of one record`, async () => {
      const host = await start();
      const before = host.residentBytes;
      const seconds = await fill(host.port, step - count);
      const growth = host.residentBytes - before;
      const rate = (step - count) / seconds;
      count = step;
      await host.crash();
      return `${rate.toFixed(0)} a second; resident ${megabytes(before)} before, ${signed(growth)}`;
    });
    await check(report, `backlog: a start with ${step}`, async () => {
      const times: number[] = [];
      let growth = 0;
      for (let i = 0; i < STARTS; i++) {
        const host = await start();
        times.push(host.servedMs);
        growth = host.residentBytes - emptyBytes;
        await host.crash();
        if (host.ready !== step) throw new Error(`${host.ready} are ready, not ${step}`);
      }
      const said = `first delivery after ${spread(times, 'ms')}; resident ${signed(growth)}`;
      if (Math.max(...times) > SERVED_MS_MAX || growth > GROWTH_BYTES_MAX) throw new Error(said);
      return said;
    });
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / MIB).toFixed(0)} MiB`;
}

function signed(bytes: number): string {
  return `${bytes < 0 ? '' : '+'}${megabytes(bytes)}`;
}

/** Publishes `count` records, each in a request of its own. Resolves to the seconds it took. */
async function fill(port: number, count: number): Promise<number> {
  const value = new Uint8Array(VALUE_BYTES).fill(97);
  const batch = buildBatch([{ key: null, value, timestamp: Date.now() }]);
  const frame = produce.request([{ topic: QUEUE, partition: 0, batch }]);
  const many = Buffer.concat(new Array<Buffer>(FRAMES_PER_WRITE).fill(frame));
  const started = performance.now();
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  await new Promise<void>((resolve, reject) => {
    let sent = 0;
    let received = 0;
    let answerBytes = 0;
    const pump = (): void => {
      const answered = answerBytes === 0 ? 0 : Math.floor(received / answerBytes);
      if (answered === count) return resolve();
      while (sent < count && sent - answered < WINDOW) {
        const frames = Math.min(FRAMES_PER_WRITE, count - sent);
        socket.write(many.subarray(0, frames * frame.length));
        sent += frames;
        // How long an answer is only the first one tells.
        if (answerBytes === 0) break;
      }
    };
    socket.on('data', (chunk: Buffer) => {
      if (answerBytes === 0) {
        answerBytes = 4 + chunk.readInt32BE(0);
        const error = chunk.readInt16BE(4 + 4 + 4 + 2 + QUEUE.length + 4 + 4);
        if (error !== 0) reject(new Error(`refused with ${error}`));
      }
      received += chunk.length;
      pump();
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the connection ended')));
    socket.once('connect', pump);
  });
  socket.removeAllListeners('close');
  socket.destroy();
  return (performance.now() - started) / 1000;
}
