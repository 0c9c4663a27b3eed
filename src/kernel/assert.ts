/**
 * Assertions: what must hold if our own code is right. They stay on in production; a failure fences
 * the broker instance and is never caught to continue. Bad input and a failing disk are no
 * assertions: they are `BrokerError` and `ProtocolViolation` (errors.ts).
 */

export class AssertionFailure extends Error {
  constructor(why: string) {
    super(why);
    this.name = 'AssertionFailure';
  }
}

/** `why` says what was expected, as a constant text: it is built on every call, so build nothing. */
export function assert(condition: unknown, why: string): asserts condition {
  if (!condition) throw new AssertionFailure(why);
}

/** Closes a switch over a union: a new member fails to compile, a forged value fails here. */
export function assertNever(value: never, why: string): never {
  throw new AssertionFailure(`${why}: ${String(value)}`);
}
