/**
 * What a JSON value may be: declarations that check values, give types, and become JSON Schema.
 *
 * Owns: the kinds of declarations. Leaves: which values there are to the routes.
 */

/** A member of a value that is not as declared. */
export interface Fault {
  /** JSON pointer into the value [RFC6901]. */
  readonly pointer: string;
  readonly detail: string;
}

export type JsonSchema = Readonly<Record<string, unknown>>;

export interface Schema<T> {
  /** Left out of an object, it is this. */
  readonly fallback?: T;
  readonly isOptional: boolean;
  /** The value as its type says, or faults added to `faults`. */
  read(value: unknown, pointer: string, faults: Fault[]): T;
  /** For OpenAPI 3.1 and people. */
  readonly json: JsonSchema;
}

export type Value<S> = S extends Schema<infer T> ? T : never;

/** Faults in one answer; a hostile body has no end of them. */
const faultsMax = 20;

function fail<T>(faults: Fault[], pointer: string, detail: string): T {
  if (faults.length < faultsMax) faults.push({ pointer, detail });
  // Never looked at: a value with faults is not used.
  return undefined as T;
}

interface TextRules {
  readonly text?: string;
  readonly min?: number;
  /** In characters. */
  readonly max?: number;
}

export function text({ text: description, min = 0, max = 65_536 }: TextRules = {}): Schema<string> {
  return {
    isOptional: false,
    json: { type: 'string', minLength: min, maxLength: max, ...described(description) },
    read(value, pointer, faults) {
      if (typeof value !== 'string') return fail(faults, pointer, 'a string is expected');
      if (value.length >= min && value.length <= max) return value;
      return fail(faults, pointer, `${min} to ${max} characters are expected`);
    },
  };
}

interface IntegerRules {
  readonly text?: string;
  readonly min?: number;
  readonly max?: number;
}

/** Also from text, as in a query. */
export function integer(rules: IntegerRules = {}): Schema<number> {
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = rules;
  return {
    isOptional: false,
    json: { type: 'integer', minimum: min, maximum: max, ...described(rules.text) },
    read(value, pointer, faults) {
      const isDigits = typeof value === 'string' && /^-?\d{1,16}$/.test(value);
      const number = isDigits ? Number(value) : value;
      if (typeof number !== 'number' || !Number.isSafeInteger(number)) {
        return fail(faults, pointer, 'a whole number is expected');
      }
      if (number >= min && number <= max) return number;
      return fail(faults, pointer, `a number from ${min} to ${max} is expected`);
    },
  };
}

/** Also from text, as in a query. */
export function flag(description?: string): Schema<boolean> {
  return {
    isOptional: false,
    json: { type: 'boolean', ...described(description) },
    read(value, pointer, faults) {
      if (value === true || value === 'true' || value === '') return true;
      if (value === false || value === 'false') return false;
      return fail(faults, pointer, 'true or false is expected');
    },
  };
}

export function choice<const C extends string>(
  choices: readonly C[],
  description?: string,
): Schema<C> {
  return {
    isOptional: false,
    json: { enum: choices, ...described(description) },
    read(value, pointer, faults) {
      const found = choices.find((each) => each === value);
      return found ?? fail(faults, pointer, `one of ${choices.join(', ')} is expected`);
    },
  };
}

export function list<T>(
  of: Schema<T>,
  { max, text: description }: { readonly max: number; readonly text?: string },
): Schema<readonly T[]> {
  return {
    isOptional: false,
    json: { type: 'array', items: of.json, maxItems: max, ...described(description) },
    read(value, pointer, faults) {
      if (!Array.isArray(value)) return fail(faults, pointer, 'a list is expected');
      if (value.length > max) return fail(faults, pointer, `at most ${max} are expected`);
      return value.map((each, i) => of.read(each, `${pointer}/${i}`, faults));
    },
  };
}

/** Names chosen by the sender. */
export function record<T>(
  of: Schema<T>,
  { max, text: description }: { readonly max: number; readonly text?: string },
): Schema<ReadonlyMap<string, T>> {
  return {
    isOptional: false,
    json: {
      type: 'object',
      additionalProperties: of.json,
      maxProperties: max,
      ...described(description),
    },
    read(value, pointer, faults) {
      if (!isObject(value)) return fail(faults, pointer, 'an object is expected');
      const entries = Object.entries(value);
      if (entries.length > max) return fail(faults, pointer, `at most ${max} are expected`);
      return new Map(
        entries.map(([name, each]) => [name, of.read(each, `${pointer}/${escaped(name)}`, faults)]),
      );
    },
  };
}

export type Fields = Readonly<Record<string, Schema<unknown>>>;
export type ObjectValue<F extends Fields> = { readonly [K in keyof F]: Value<F[K]> };

/** Unknown members are faults: a misspelt one would be ignored in silence. */
export function object<const F extends Fields>(
  fields: F,
  description?: string,
): Schema<ObjectValue<F>> {
  const entries = Object.entries(fields);
  const required = entries.filter(([, { isOptional }]) => !isOptional).map(([name]) => name);
  return {
    isOptional: false,
    json: {
      type: 'object',
      properties: Object.fromEntries(entries.map(([name, { json }]) => [name, json])),
      required,
      additionalProperties: false,
      ...described(description),
    },
    read(value, pointer, faults) {
      if (!isObject(value)) return fail(faults, pointer, 'an object is expected');
      for (const name of Object.keys(value)) {
        if (!Object.hasOwn(fields, name)) {
          fail(faults, `${pointer}/${escaped(name)}`, 'there is no such member');
        }
      }
      const result: Record<string, unknown> = {};
      for (const [name, schema] of entries) {
        const at = `${pointer}/${escaped(name)}`;
        if (Object.hasOwn(value, name)) result[name] = schema.read(value[name], at, faults);
        else if (schema.isOptional) result[name] = schema.fallback;
        else fail(faults, at, 'it is missing');
      }
      return result as ObjectValue<F>;
    },
  };
}

/** May be left out. */
export function optional<T>(schema: Schema<T>): Schema<T | undefined> {
  return { ...schema, isOptional: true };
}

/** Left out, it is `fallback`. */
export function withDefault<T>(schema: Schema<T>, fallback: T): Schema<T> {
  const json = { ...schema.json, default: fallback };
  return { isOptional: true, fallback, json, read: schema.read };
}

export function nullable<T>(schema: Schema<T>): Schema<T | null> {
  return {
    isOptional: false,
    json: { oneOf: [schema.json, { type: 'null' }] },
    read: (value, pointer, faults) => (value === null ? null : schema.read(value, pointer, faults)),
  };
}

/** One of several; `expected` is what a value that fits none is told. */
export function oneOf<const S extends readonly Schema<unknown>[]>(
  schemas: S,
  expected: string,
): Schema<Value<S[number]>> {
  return {
    isOptional: false,
    json: { oneOf: schemas.map(({ json }) => json), description: expected },
    read(value, pointer, faults) {
      for (const schema of schemas) {
        const found: Fault[] = [];
        const result = schema.read(value, pointer, found);
        if (found.length === 0) return result as Value<S[number]>;
      }
      return fail(faults, pointer, `${expected} is expected`);
    },
  };
}

function described(description: string | undefined): JsonSchema {
  return description === undefined ? {} : { description };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function escaped(name: string): string {
  return name.slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1');
}
