/** docs/reference/errors.md: every code that a `BrokerError` can have. */

import { brokerErrorCodes, errorTable } from '../../src/kernel/errors.ts';
import type { Generator } from './generator.ts';

export const errorReference: Generator = {
  target: 'docs/reference/errors.md',
  render: () => {
    const rows = brokerErrorCodes.map((code) => {
      const { kind, scope, retriable, text } = errorTable[code];
      return `| \`${code}\` | ${kind} | ${scope} | ${retriable ? 'yes' : 'no'} | ${text} |`;
    });
    return [
      '# Errors',
      '',
      'Generated from `src/kernel/errors.ts`. A `BrokerError` has a `code` for programs and a `message` for',
      'people; only the code is promised. *Scope* is the smallest thing that the error is about. *Retriable*:',
      'the same request may succeed later without anybody changing it.',
      '',
      '| code | kind | scope | retriable | meaning |',
      '|---|---|---|---|---|',
      ...rows,
      '',
    ].join('\n');
  },
};
