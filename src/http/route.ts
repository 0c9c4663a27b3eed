/**
 * One entry of the route table: how a request looks, what answers it, and what is told about it.
 *
 * Owns: the shape of a declaration. From it come validation, the reference page, and OpenAPI.
 */

import type { BrokerErrorCode } from '../kernel/errors.ts';
import type { ApiContext } from './context.ts';
import type { RequestFaultCode } from './problem.ts';
import type { Fields, ObjectValue, Schema } from './schema.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** A checked request. */
export interface RouteRequest<P extends Fields, Q extends Fields, B> {
  readonly path: ObjectValue<P>;
  readonly query: ObjectValue<Q>;
  readonly body: B;
  /** Aborted when nobody waits for the answer any more. */
  readonly gone: AbortSignal;
}

export interface RouteDeclaration<P extends Fields, Q extends Fields, B> {
  readonly method: Method;
  /** `/v1/topics/{topic}`; each name in braces is declared in `parameters`. */
  readonly path: string;
  /** Its name for programs that are generated from the table. */
  readonly operation: string;
  /** One sentence. */
  readonly text: string;
  readonly parameters: P;
  readonly query: Q;
  /** Null: there is none. */
  readonly body: Schema<B> | null;
  /** Left out: 64 KiB. */
  readonly bodyBytesMax?: number;
  /** Of success. Left out: 200. */
  readonly status?: number;
  readonly answer: Schema<unknown>;
  /** What it is refused with, beyond what any request is. */
  readonly errors: readonly (BrokerErrorCode | RequestFaultCode)[];
  run(context: ApiContext, request: RouteRequest<P, Q, B>): unknown;
}

/** As the router and the generators see it. */
export type Route = RouteDeclaration<Fields, Fields, unknown>;

/** Checks the declaration against itself, and forgets the types that only it needs. */
export function route<const P extends Fields, const Q extends Fields, B = undefined>(
  declaration: RouteDeclaration<P, Q, B>,
): Route {
  return declaration as unknown as Route;
}
