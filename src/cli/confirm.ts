/** A question before something that cannot be undone. */

import { createInterface } from 'node:readline/promises';
import { CommandFailure, exitCode } from './failure.ts';
import { printable } from './output.ts';

/** @throws CommandFailure when nobody can be asked, or the answer is not yes */
export async function confirm(question: string): Promise<void> {
  if (process.stdin.isTTY !== true) {
    throw new CommandFailure(`${question} Say so with --yes.`, exitCode.usage);
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await lines.question(`${printable(question)} [y/N] `);
    if (/^y(es)?$/i.test(answer.trim())) return;
  } finally {
    lines.close();
  }
  throw new CommandFailure('nothing was deleted', exitCode.interrupted);
}
