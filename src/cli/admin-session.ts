/**
 * A command's conversation with the broker on a data folder.
 *
 * Owns: finding the broker, waiting while it starts, errors out of its answers.
 * Leaves: HTTP over the folder's socket to node/, what is asked to the commands.
 */

import { BrokerError, type BrokerErrorCode, errorTable } from '../kernel/errors.ts';
import { AdminClient } from '../node/admin-client.ts';
import { CommandFailure, exitCode } from './failure.ts';

/** Recovery of a large journal takes a while. */
const startWaitMs = 60_000;
const startPollMs = 100;
const stopWaitMs = 60_000;
const stopPollMs = 20;

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface CallOptions {
  readonly query?: Readonly<Record<string, string | number | boolean | null>>;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

interface Problem {
  readonly code?: unknown;
  readonly title?: unknown;
  readonly detail?: unknown;
}

/** Runs `action` with the broker on `dataDir`. @throws CommandFailure when none is running */
export async function withBroker<T>(
  dataDir: string,
  action: (session: AdminSession) => Promise<T>,
): Promise<T> {
  const client = await connect(dataDir);
  try {
    return await action(new AdminSession(dataDir, client));
  } finally {
    client.close();
  }
}

export class AdminSession {
  readonly dataDir: string;
  readonly #client: AdminClient;

  constructor(dataDir: string, client: AdminClient) {
    this.dataDir = dataDir;
    this.#client = client;
  }

  /**
   * What the route answers. The names in `path` are given encoded: see `at`.
   * @throws BrokerError, CommandFailure; AbortError when `signal` aborts
   */
  async call<T>(method: Method, path: string, options: CallOptions = {}): Promise<T> {
    const { body, signal } = options;
    const request = { method, target: path + queryText(options.query), body, signal };
    const deadline = Date.now() + startWaitMs;
    for (;;) {
      const answer = await this.#ask(request);
      if (answer.status < 400) return answer.body as T;
      const problem = (answer.body ?? {}) as Problem;
      if (problem.code !== 'starting' || Date.now() > deadline) throw failureOf(problem);
      await delay(startPollMs, signal);
    }
  }

  /** All items of a list that comes in pages. */
  async *pages<T>(
    path: string,
    options: CallOptions & { readonly limit?: number } = {},
  ): AsyncGenerator<T> {
    let after: string | null = null;
    do {
      const query: Record<string, string | number | boolean | null> = {
        ...options.query,
        limit: options.limit ?? 1000,
        after,
      };
      const page: { readonly items: readonly T[]; readonly next: string | null } = await this.call(
        'GET',
        path,
        { ...options, query },
      );
      yield* page.items;
      after = page.next;
    } while (after !== null);
  }

  /** Resolves when nobody serves the data folder any more. */
  async untilStopped(): Promise<void> {
    const deadline = Date.now() + stopWaitMs;
    while (await isServed(this.dataDir)) {
      if (Date.now() > deadline) throw new CommandFailure('the broker takes long to stop');
      await delay(stopPollMs);
    }
  }

  async #ask(request: Parameters<AdminClient['request']>[0]) {
    try {
      return await this.#client.request(request);
    } catch (error) {
      if (request.signal?.aborted === true) throw error;
      const reason = `the broker has closed the connection (${messageOf(error)})`;
      throw new CommandFailure(reason, exitCode.failed);
    }
  }
}

/** A path with names in it: ``at`/v1/topics/${name}` ``. */
export function at(parts: TemplateStringsArray, ...names: readonly (string | number)[]): string {
  return parts.map((part, i) => part + encodeURIComponent(names[i] ?? '')).join('');
}

/** Whether somebody listens behind the socket in `dataDir`. */
async function isServed(dataDir: string): Promise<boolean> {
  try {
    (await AdminClient.connect(dataDir)).close();
    return true;
  } catch {
    return false;
  }
}

async function connect(dataDir: string): Promise<AdminClient> {
  try {
    return await AdminClient.connect(dataDir);
  } catch (error) {
    const isAbsent = /ENOENT|ENOTDIR|ECONNREFUSED/.test((error as { code?: string }).code ?? '');
    const line = isAbsent ? 'no broker is running on' : 'the broker cannot be reached on';
    throw new CommandFailure(
      `${line} ${dataDir} (${messageOf(error)}); "polylog doctor" says more`,
      isAbsent ? exitCode.notRunning : exitCode.failed,
    );
  }
}

function failureOf({ code, title, detail }: Problem): Error {
  const text = String(detail ?? '');
  if (typeof code === 'string' && Object.hasOwn(errorTable, code)) {
    return new BrokerError(code as BrokerErrorCode, text);
  }
  if (code === 'starting') return new CommandFailure('the broker is still starting');
  const line = text === '' ? String(title ?? 'the broker refused') : text;
  return new CommandFailure(line, code === 'bad_request' ? exitCode.usage : exitCode.failed);
}

function queryText(query: CallOptions['query'] = {}): string {
  const pairs = Object.entries(query)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`);
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Rejects when `signal` aborts. */
export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal?.aborted === true) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
}
