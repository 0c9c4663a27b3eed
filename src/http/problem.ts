/**
 * Errors as answers: problem details [RFC9457], from the codes of kernel/errors.ts and a few that
 * only a request can have.
 *
 * Owns: the status of each error, the shape of a problem. Nobody matches on its texts: programs
 * read `code`.
 */

import { encodeUtf8 } from '../kernel/bytes.ts';
import {
  type BrokerError,
  type BrokerErrorCode,
  type ErrorKind,
  errorTable,
} from '../kernel/errors.ts';
import type { HttpAnswer } from '../kernel/http.ts';
import type { Fault } from './schema.ts';

const statusByKind: Readonly<Record<ErrorKind, number>> = {
  missing: 404,
  conflict: 409,
  invalid: 400,
  sequence: 409,
  limit: 429,
  unavailable: 503,
  storage: 500,
  unsupported: 501,
  startup: 400,
};

/** Where the kind says too little. */
const statusByCode: { readonly [Code in BrokerErrorCode]?: number } = {
  batch_too_large: 413,
  offset_metadata_too_large: 413,
  storage_full: 507,
};

/** What a request can have wrong before anything is asked of the broker. */
export const requestFaults = {
  bad_request: { status: 400, title: 'The request is not as the API describes it.' },
  no_such_route: { status: 404, title: 'There is nothing at this path.' },
  wrong_method: { status: 405, title: 'This path knows other methods.' },
  body_too_large: { status: 413, title: 'The body is too large.' },
  not_json: { status: 415, title: 'A body is JSON: content-type application/json.' },
  overloaded: { status: 503, title: 'The broker has too much to do.' },
  internal: { status: 500, title: 'The broker has made a mistake; its log says more.' },
} as const;

export type RequestFaultCode = keyof typeof requestFaults;

/** Thrown by handlers for what no BrokerError says. */
export class RequestFault extends Error {
  readonly code: RequestFaultCode;
  readonly detail: string;
  readonly faults: readonly Fault[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: RequestFaultCode,
    detail: string,
    more: { faults?: readonly Fault[]; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(`${requestFaults[code].title} (${detail})`);
    this.name = 'RequestFault';
    this.code = code;
    this.detail = detail;
    this.faults = more.faults ?? [];
    this.headers = more.headers ?? {};
  }
}

export function statusOf(code: BrokerErrorCode): number {
  return statusByCode[code] ?? statusByKind[errorTable[code].kind];
}

/** What a problem says of an error; also inside of answers about many things. */
export function problemOf(error: BrokerError | RequestFault): Record<string, unknown> {
  const { code, detail } = error;
  const type = `urn:polylog:error:${code}`;
  if (error instanceof RequestFault) {
    const { status, title } = requestFaults[error.code];
    const { faults } = error;
    return { type, title, status, detail, code, ...(faults.length === 0 ? {} : { faults }) };
  }
  const { text, retriable } = errorTable[error.code];
  return { type, title: text, status: statusOf(error.code), detail, code, retriable };
}

/** `more` are further members of the problem. */
export function problemAnswer(
  error: BrokerError | RequestFault,
  more: Readonly<Record<string, unknown>> = {},
): HttpAnswer {
  const problem = { ...problemOf(error), ...more };
  const status = Number(problem.status);
  const headers: Record<string, string> = {
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
  };
  if (error instanceof RequestFault) Object.assign(headers, error.headers);
  if (status === 503 || status === 429) headers['retry-after'] = '1';
  return { status, headers, body: encodeUtf8(JSON.stringify(problem)) };
}
