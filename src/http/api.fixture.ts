/**
 * What tests of the admin API share: its router before a broker in virtual time, without HTTP.
 *
 * Every answer is held against the declaration of its route: what the reference says is true.
 */

import assert from 'node:assert/strict';
import { TestBench } from '../broker/broker.fixture.ts';
import type { Broker } from '../broker/index.ts';
import { resolveConfig } from '../config/resolve.ts';
import type { BrokerError } from '../kernel/errors.ts';
import type { HttpAnswer } from '../kernel/http.ts';
import { silentLogger } from '../kernel/silent-logger.ts';
import type { ApiContext, DiskFacts, ListenerFacts, ProcessFacts } from './context.ts';
import { type Route, Router, routes } from './index.ts';
import type { Fault } from './schema.ts';

export interface Asked {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  // What a test expects of it, it says by how it looks into it.
  readonly body: ReturnType<typeof JSON.parse>;
}

/** What tests change. */
export interface Surroundings {
  fault: BrokerError | null;
  disk: DiskFacts | null;
  process: ProcessFacts;
  listeners: readonly ListenerFacts[];
  isStopped: boolean;
}

export class TestApi {
  readonly bench = new TestBench();
  readonly broker: Broker;
  readonly router: Router;
  readonly mistakes: unknown[] = [];
  readonly context: ApiContext;
  readonly around: Surroundings = {
    fault: null,
    disk: { freeBytes: 50 * 1024 ** 3, totalBytes: 100 * 1024 ** 3 },
    process: {
      pid: 4711,
      nodeVersion: 'v30.0.0',
      residentBytes: 1,
      openFiles: 10,
      openFilesMax: 1_000_000,
    },
    listeners: [{ url: 'kafka://127.0.0.1:9092', isRemote: false }],
    isStopped: false,
  };

  constructor(config: Readonly<Record<string, unknown>> = {}, more: readonly Route[] = []) {
    this.broker = this.bench.open();
    const { around } = this;
    this.context = {
      broker: this.broker,
      config: resolveConfig([{ source: 'program', values: config }]).config,
      clock: this.bench.loop,
      scheduler: this.bench.loop,
      logger: silentLogger,
      startedAt: this.bench.loop.now(),
      listeners: () => around.listeners,
      connectionCount: () => 2,
      fault: () => around.fault,
      processFacts: () => around.process,
      diskFacts: () => around.disk,
      stop: () => {
        around.isStopped = true;
      },
      waitingPositions: 0,
    };
    this.router = new Router([...routes, ...more], this.context, (error) =>
      this.mistakes.push(error),
    );
  }

  /** The answer, however long the broker takes. `body` is sent as JSON. */
  async ask(method: string, target: string, body?: unknown): Promise<Asked> {
    const bytes = body === undefined ? new Uint8Array() : Buffer.from(JSON.stringify(body));
    const work = this.begin(method, target, bytes);
    let answer: HttpAnswer | null = null;
    const running = work.then((given) => {
      answer = given;
    });
    while (answer === null) await this.turn();
    await running;
    return this.#read(method, target, answer);
  }

  /** Begins a request that may wait. */
  async begin(
    method: string,
    target: string,
    bytes: Uint8Array,
    gone: AbortSignal = new AbortController().signal,
    contentType = 'application/json',
  ): Promise<HttpAnswer> {
    const header = (name: string): string | undefined =>
      name === 'content-type' ? contentType : undefined;
    const work = this.router.begin({ method, target, header });
    return 'status' in work ? work : work.run(bytes, gone);
  }

  /** Everything that is ready happens; time stands still. */
  async turn(): Promise<void> {
    this.bench.loop.settle();
    await new Promise((resolve) => setImmediate(resolve));
  }

  #read(method: string, target: string, answer: HttpAnswer): Asked {
    const body: unknown = JSON.parse(Buffer.from(answer.body).toString());
    if (answer.status < 400) {
      const path = target.split('?')[0] ?? '';
      const route = routes.find(
        (each) =>
          each.method === method &&
          new RegExp(`^${each.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path) &&
          (each.status ?? 200) === answer.status,
      );
      const faults: Fault[] = [];
      route?.answer.read(body, '', faults);
      assert.deepEqual(faults, [], `${method} ${target} answers as it is declared`);
    }
    return { status: answer.status, headers: answer.headers, body };
  }
}
