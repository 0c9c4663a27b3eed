/**
 * A client that behaves: it produces a record, fetches it back, and again, and keeps how long that
 * took. What happens to it is what an attack is judged by.
 */

import {
  batchOf,
  fetchBody,
  keys,
  produceBody,
  readFetchRow,
  readProduceRow,
} from '../../conformance/kafka/wire.ts';
import { Peer } from './peer.ts';

const restMs = 2;

export interface Quiet {
  /** Milliseconds, of all rounds of produce and fetch. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly rounds: number;
}

export class GoodClient {
  readonly errors: string[] = [];
  readonly #topic: string;
  readonly #peer: Peer;
  #times: number[] = [];
  #offset = 0;
  #isStopping = false;
  #loop: Promise<void> = Promise.resolve();

  private constructor(peer: Peer, topic: string) {
    this.#peer = peer;
    this.#topic = topic;
  }

  static async connect(port: number, topic: string): Promise<GoodClient> {
    const peer = await Peer.connect(port);
    if (peer === null) throw new Error('a good client is let in');
    return new GoodClient(peer, topic);
  }

  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#loop;
    this.#peer.close();
  }

  /** The rounds since the last call. */
  take(): Quiet {
    const sorted = this.#times.sort((left, right) => left - right);
    this.#times = [];
    const at = (share: number): number =>
      sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
    return { p50: at(0.5), p99: at(0.99), max: at(1), rounds: sorted.length };
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      try {
        const startedAt = performance.now();
        await this.#round();
        this.#times.push(performance.now() - startedAt);
      } catch (error) {
        this.errors.push(String(error));
        if (this.#peer.isClosed) return;
      }
      await new Promise((resolve) => setTimeout(resolve, restMs));
    }
  }

  async #round(): Promise<void> {
    const value = `good ${this.#offset}`;
    const batch = batchOf({ values: [value] });
    const body = produceBody(7, { topic: this.#topic, batch });
    const row = readProduceRow(await this.#ask(keys.produce, 7, body));
    if (row.error !== 0) throw new Error(`produce: error ${row.error}`);
    if (row.baseOffset !== this.#offset) throw new Error(`produce: offset ${row.baseOffset}`);
    this.#offset++;
    const ask = fetchBody(this.#topic, 0, row.baseOffset, 1_000_000);
    const { error, records } = readFetchRow(await this.#ask(keys.fetch, 4, ask));
    if (error !== 0) throw new Error(`fetch: error ${error}`);
    if (!records.includes(value)) throw new Error(`fetch: ${value} is not there`);
  }

  async #ask(key: number, version: number, body: Buffer): Promise<Buffer> {
    const answer = await this.#peer.ask(key, version, body);
    if (answer === null) throw new Error('the broker has closed the connection');
    return answer;
  }
}
