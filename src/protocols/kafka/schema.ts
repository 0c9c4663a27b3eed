/**
 * The language in which Kafka's messages are written down: one schema per message, with version
 * ranges per field.
 *
 * Owns: the field builders, and the TypeScript types that follow from a schema.
 * Leaves: the layout of one version to plan.ts, bytes to decode.ts and encode.ts, the messages to schemas/.
 *
 *     message('ListOffsetsRequest', 6, {            flexible [KIP-482] from version 6
 *       isolationLevel: int8({ since: 2 }),         absent before version 2: then 0
 *       topics: array(struct({ … })),
 *     })
 *
 * A field that the version lacks, or a tagged field that the peer left out, is decoded as its
 * `default`, else as null, 0, false, '' or []. When encoding, a field with a stated default (and any
 * tagged one) may be left out of the draft; any other must be there, whatever the version: a
 * forgotten field fails to compile.
 *
 * In JavaScript an int64 is a number (reader.ts says what becomes of larger ones), a uuid its 22
 * characters of base64url, bytes and records are a borrowed view.
 */

export type Kind =
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'float64'
  | 'bool'
  | 'string'
  | 'uuid'
  | 'bytes'
  | 'array'
  | 'struct';

export interface FieldOptions<Value> {
  /** First version that has the field; 0 if left out. */
  readonly since?: number;
  /** Last version that has the field. */
  readonly until?: number;
  /** First version that allows null. */
  readonly nullable?: number;
  /** The tag number: the field travels in the tagged section, and only when it is not its default. */
  readonly tag?: number;
  readonly default?: Value | null;
}

declare const decodedType: unique symbol;
declare const draftType: unique symbol;
declare const isOptional: unique symbol;

export interface Field<Value = unknown, Draft = unknown, Optional extends boolean = boolean> {
  readonly kind: Kind;
  readonly since: number;
  readonly until: number;
  /** Infinity: never null. */
  readonly nullableSince: number;
  /** -1: an ordinary field. */
  readonly tag: number;
  /** Undefined: none stated. */
  readonly stated: unknown;
  /** What an array consists of. */
  readonly element: Field | null;
  /** What a struct consists of, in the order of the wire. */
  readonly members: Members | null;
  readonly [decodedType]?: Value;
  readonly [draftType]?: Draft;
  readonly [isOptional]?: Optional;
}

export type Members = { readonly [name: string]: Field };

export interface Message<M extends Members = Members> {
  readonly name: string;
  /** First version with compact lengths and tagged fields; Infinity: none. */
  readonly flexibleSince: number;
  readonly members: M;
}

type DecodedField<F> = F extends Field<infer Value, unknown> ? Value : never;
type DraftField<F> = F extends Field<unknown, infer Draft> ? Draft : never;
type OptionalNames<M> = {
  [K in keyof M]: M[K] extends Field<unknown, unknown, true> ? K : never;
}[keyof M];

/** What decoding yields: every field, in every version. */
export type Decoded<M extends Members> = { readonly [K in keyof M]: DecodedField<M[K]> };

/** What encoding takes: fields with a default may be left out. */
export type Draft<M extends Members> = {
  readonly [K in Exclude<keyof M, OptionalNames<M>>]: DraftField<M[K]>;
} & { readonly [K in OptionalNames<M>]?: DraftField<M[K]> };

/** The decoded form of a message's schema. */
export type DecodedOf<T> = T extends Message<infer M> ? Decoded<M> : never;
/** The draft form of a message's schema. */
export type DraftOf<T> = T extends Message<infer M> ? Draft<M> : never;
/** The draft form of one element of an array field, for functions that build one. */
export type ElementDraft<T> = T extends readonly (infer E)[] ? E : never;

type Nullable<Value, O> = O extends { readonly nullable: number } ? Value | null : Value;
type Left<O> = O extends { readonly default: unknown }
  ? true
  : O extends { readonly tag: number }
    ? true
    : false;
type Made<Value, Draft, O> = Field<Nullable<Value, O>, Nullable<Draft, O>, Left<O>>;

function field(
  kind: Kind,
  options: FieldOptions<unknown> | undefined,
  element: Field | null = null,
  members: Members | null = null,
): Field {
  return {
    kind,
    since: options?.since ?? 0,
    until: options?.until ?? Number.POSITIVE_INFINITY,
    nullableSince: options?.nullable ?? Number.POSITIVE_INFINITY,
    tag: options?.tag ?? -1,
    stated: options?.default,
    element,
    members,
  };
}

/** The builder of one primitive kind. */
function primitive<Value>(
  kind: Kind,
): <const O extends FieldOptions<Value> = Record<never, never>>(
  options?: O,
) => Made<Value, Value, O> {
  return <const O extends FieldOptions<Value>>(options?: O) =>
    field(kind, options) as Made<Value, Value, O>;
}

export const int8 = primitive<number>('int8');
export const int16 = primitive<number>('int16');
export const int32 = primitive<number>('int32');
export const int64 = primitive<number>('int64');
export const float64 = primitive<number>('float64');
export const bool = primitive<boolean>('bool');
export const string = primitive<string>('string');
export const uuid = primitive<string>('uuid');
export const bytes = primitive<Uint8Array>('bytes');
/** Record batches have the form of bytes. */
export const records = bytes;

export function struct<
  const M extends Members,
  const O extends FieldOptions<never> = Record<never, never>,
>(members: M, options?: O): Made<Decoded<M>, Draft<M>, O> {
  return field('struct', options, null, members) as Made<Decoded<M>, Draft<M>, O>;
}

export function array<
  Value,
  ElementDraft,
  const O extends FieldOptions<readonly Value[]> = Record<never, never>,
>(
  element: Field<Value, ElementDraft>,
  options?: O,
): Made<readonly Value[], readonly ElementDraft[], O> {
  return field('array', options, element) as Made<readonly Value[], readonly ElementDraft[], O>;
}

export function message<const M extends Members>(
  name: string,
  flexibleSince: number,
  members: M,
): Message<M> {
  return { name, flexibleSince, members };
}

/** The id of no topic: sixteen zero bytes. */
export const zeroUuid = 'AAAAAAAAAAAAAAAAAAAAAA';
