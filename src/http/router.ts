/**
 * From a request to the route that answers it.
 *
 * Owns: matching, checking path, query and body, turning results and errors into answers.
 * Leaves: sockets and limits of time to node/, what is answered to the routes.
 *
 * What goes wrong in a route and is no error of the tables is a mistake of ours: the request is
 * answered with `internal`, and a failed assertion goes to `onMistake` too.
 */

import { AssertionFailure } from '../kernel/assert.ts';
import { decodeUtf8Strict, encodeUtf8 } from '../kernel/bytes.ts';
import { BrokerError } from '../kernel/errors.ts';
import type { HttpAnswer, HttpHandler, HttpHead, HttpWork } from '../kernel/http.ts';
import type { ApiContext } from './context.ts';
import { problemAnswer, RequestFault } from './problem.ts';
import type { Route } from './route.ts';
import { type Fault, type Fields, object } from './schema.ts';

const defaultBodyBytesMax = 64 * 1024;

interface Match {
  readonly route: Route;
  readonly path: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
}

export class Router implements HttpHandler {
  readonly #routes: readonly { readonly route: Route; readonly segments: readonly string[] }[];
  readonly #context: ApiContext;
  readonly #onMistake: (error: unknown) => void;

  constructor(routes: readonly Route[], context: ApiContext, onMistake: (error: unknown) => void) {
    this.#routes = routes.map((route) => ({ route, segments: route.path.split('/').slice(1) }));
    this.#context = context;
    this.#onMistake = onMistake;
  }

  begin(head: HttpHead): HttpWork | HttpAnswer {
    try {
      const match = this.#match(head);
      const { body, bodyBytesMax = defaultBodyBytesMax } = match.route;
      if (body !== null) checkContentType(head);
      return {
        bodyBytesMax: body === null ? 0 : bodyBytesMax,
        run: (bytes, gone) => this.#run(match, bytes, gone),
      };
    } catch (error) {
      return this.#failure(error);
    }
  }

  refuse(status: number, detail: string): HttpAnswer {
    const codes = { 413: 'body_too_large', 503: 'overloaded' } as const;
    const code = codes[status as keyof typeof codes] ?? 'bad_request';
    return problemAnswer(new RequestFault(code, detail));
  }

  #match(head: HttpHead): Match {
    const [path = '', search = ''] = splitOnce(head.target, '?');
    const given = path.split('/').slice(1);
    const fitting = this.#routes.filter(({ segments }) => fits(segments, given));
    if (fitting.length === 0) throw new RequestFault('no_such_route', path.slice(0, 200));
    const found = fitting.find(({ route }) => route.method === head.method);
    if (found === undefined) {
      const allow = fitting.map(({ route }) => route.method).join(', ');
      throw new RequestFault('wrong_method', `use ${allow}`, { headers: { allow } });
    }
    const { route, segments } = found;
    const values: Record<string, string> = {};
    for (const [i, segment] of segments.entries()) {
      if (segment.startsWith('{')) values[segment.slice(1, -1)] = decoded(given[i] ?? '');
    }
    return { route, path: values, query: parseQuery(search) };
  }

  async #run(match: Match, bytes: Uint8Array, gone: AbortSignal): Promise<HttpAnswer> {
    const { route } = match;
    try {
      const faults: Fault[] = [];
      const path = readFields(route.parameters, match.path, 'path', faults);
      const query = readFields(route.query, match.query, 'query', faults);
      const body = route.body?.read(parseBody(bytes), '', faults);
      if (faults.length > 0) throw new RequestFault('bad_request', described(faults), { faults });
      const answer = await route.run(this.#context, { path, query, body, gone });
      return {
        status: route.status ?? 200,
        headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
        body: encodeUtf8(JSON.stringify(answer)),
      };
    } catch (error) {
      return this.#failure(error);
    }
  }

  #failure(error: unknown): HttpAnswer {
    if (error instanceof BrokerError) return problemAnswer(error);
    if (error instanceof RequestFault) return problemAnswer(error);
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#context.logger.error('request.failed', { error: detail });
    if (error instanceof AssertionFailure) this.#onMistake(error);
    return problemAnswer(new RequestFault('internal', ''));
  }
}

function fits(segments: readonly string[], given: readonly string[]): boolean {
  if (segments.length !== given.length) return false;
  return segments.every((segment, i) =>
    segment.startsWith('{') ? given[i] !== '' : segment === given[i],
  );
}

function splitOnce(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if ((error as { name?: unknown }).name !== 'URIError') throw error;
    throw new RequestFault('bad_request', 'the path or query is not percent-encoded UTF-8');
  }
}

function parseQuery(search: string): Readonly<Record<string, string>> {
  const query: Record<string, string> = Object.create(null);
  for (const pair of search === '' ? [] : search.split('&')) {
    const [name, value] = splitOnce(pair, '=');
    query[decoded(name)] = decoded(value.replaceAll('+', ' '));
  }
  return query;
}

function checkContentType(head: HttpHead): void {
  const type = (head.header('content-type') ?? '').split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json') throw new RequestFault('not_json', type ?? '');
}

function parseBody(bytes: Uint8Array): unknown {
  const text = decodeUtf8Strict(bytes);
  if (text === null) throw new RequestFault('bad_request', 'the body is not UTF-8');
  try {
    return JSON.parse(text);
  } catch (error) {
    if ((error as { name?: unknown }).name !== 'SyntaxError') throw error;
    throw new RequestFault('bad_request', 'the body is not JSON');
  }
}

function readFields(
  fields: Fields,
  values: Readonly<Record<string, string>>,
  where: string,
  faults: Fault[],
): Readonly<Record<string, unknown>> {
  return object(fields).read({ ...values }, `/${where}`, faults);
}

function described(faults: readonly Fault[]): string {
  return faults.map(({ pointer, detail }) => `${pointer || 'body'}: ${detail}`).join('; ');
}
