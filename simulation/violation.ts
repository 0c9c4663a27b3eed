/**
 * A promise that was broken, as found by a checker.
 */

export class Violation extends Error {
  constructor(what: string) {
    super(what);
    this.name = 'Violation';
  }
}

/** For checkers: what the broker promised has to hold. */
export function promise(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Violation(what);
}
