/** docs/reference/admin-api.md: every route, from the table that serves them. */

import { type Route, requestFaults, routes, statusOf } from '../../src/http/index.ts';
import { type BrokerErrorCode, errorTable } from '../../src/kernel/errors.ts';
import type { Generator } from './generator.ts';

type Json = Readonly<Record<string, unknown>>;

export const adminApiReference: Generator = {
  target: 'docs/reference/admin-api.md',
  render: () => [...head, ...routes.flatMap(renderRoute)].join('\n'),
};

const head = [
  '# Admin API',
  '',
  'Generated from the route table in `src/http/`. HTTP/1.1 over the socket `broker.sock` in the data folder, for',
  'whoever may enter the folder; the command line uses nothing else.',
  '',
  '```sh',
  'curl --unix-socket polylog-data/broker.sock http://localhost/v1/broker',
  '```',
  '',
  'Bodies and answers are JSON. Errors are problem details (RFC 9457, `application/problem+json`) with a `code`: those',
  'of [errors](errors.md), and `bad_request` with `faults` that name each place. Bytes (keys, values, headers) are a',
  'string where they are UTF-8, else `{"base64": …}`; null is none. Lists come in pages: `next` is what to give as',
  '`after`. Names in paths are percent-encoded.',
  '',
];

function renderRoute(route: Route): string[] {
  const { method, path, operation, text, parameters, query, body, answer, errors } = route;
  return [
    `## ${operation}`,
    '',
    `\`${method} ${path}\``,
    '',
    text,
    '',
    ...table(
      'parameter',
      Object.entries(parameters).map(([name, { json }]) => [name, json, false]),
    ),
    ...table(
      'query',
      Object.entries(query).map(([name, each]) => [name, each.json, each.isOptional]),
    ),
    ...(body === null ? [] : table('body', members(body.json))),
    ...table(`answer ${route.status ?? 200}`, members(answer.json)),
    ...(errors.length === 0 ? [] : [`Errors: ${errors.map(errorText).join(', ')}.`, '']),
  ];
}

type Row = readonly [name: string, json: Json, isOptional: boolean];

/** Of an object; those of objects inside it with a dot, of lists with `[]`. */
function members(json: Json, prefix = ''): Row[] {
  const properties = (json.properties ?? {}) as Readonly<Record<string, Json>>;
  const required = (json.required ?? []) as readonly string[];
  return Object.entries(properties).flatMap(([name, each]) => {
    const isOptional = !required.includes(name);
    const path = `${prefix}${name}`;
    const inner = solid(each);
    if (inner.type === 'array') {
      return [
        [path, each, isOptional] as const,
        ...members(solid(inner.items as Json), `${path}[].`),
      ];
    }
    return [[path, each, isOptional] as const, ...members(inner, `${path}.`)];
  });
}

/** Without "or null". */
function solid(json: Json): Json {
  const forms = json.oneOf as readonly Json[] | undefined;
  const rest = forms?.filter(({ type }) => type !== 'null');
  const [only] = rest ?? [];
  return only !== undefined && rest?.length === 1 && only.oneOf === undefined ? only : json;
}

function table(title: string, rows: readonly Row[]): string[] {
  if (rows.length === 0) return [];
  return [
    `| ${title} | | |`,
    '|---|---|---|',
    ...rows.map(([name, json, isOptional]) => {
      const kind = kindText(json) + (isOptional ? ', optional' : '');
      return `| \`${name}\` | ${kind} | ${meaningText(json)} |`;
    }),
    '',
  ];
}

function kindText(json: Json): string {
  const forms = json.oneOf as readonly Json[] | undefined;
  if (forms !== undefined) {
    if (forms.length > 2) return 'one of';
    return forms.map(kindText).join(' or ');
  }
  if (json.enum !== undefined)
    return (json.enum as readonly string[]).map((each) => `\`${each}\``).join(', ');
  if (json.type === 'array') return 'list';
  const names: Readonly<Record<string, string>> = { integer: 'number', string: 'text' };
  const type = String(json.type);
  return names[type] ?? type;
}

function meaningText(json: Json): string {
  const inner = solid(json);
  const parts = [json.description ?? inner.description ?? '']
    .map(String)
    .filter((each) => each !== '');
  const { minimum, maximum, maxItems } = inner as Readonly<Record<string, number | undefined>>;
  const hasRange =
    minimum !== undefined && maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER;
  if (hasRange) parts.push(`${minimum} to ${maximum}.`);
  if (maxItems !== undefined && json.type === 'array') parts.push(`At most ${maxItems}.`);
  const fallback = inner.default;
  const isPlain = ['string', 'number', 'boolean'].includes(typeof fallback);
  if (isPlain) parts.push(`Left out: \`${String(fallback)}\`.`);
  return parts.join(' ').replaceAll('|', '\\|');
}

function errorText(code: Route['errors'][number]): string {
  const status = Object.hasOwn(errorTable, code)
    ? statusOf(code as BrokerErrorCode)
    : requestFaults[code as keyof typeof requestFaults].status;
  return `\`${code}\` (${status})`;
}
