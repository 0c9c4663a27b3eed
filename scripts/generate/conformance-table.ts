/** docs/reference/conformance.md: which clause of which specification is cited by what code and test. */

import { collectSpecReferences, type SpecReference } from '../tidy/spec-references.ts';
import { readSources } from '../tidy.ts';
import type { Generator } from './generator.ts';

const specifications: readonly (readonly [prefix: string, title: string])[] = [
  ['KIP', 'Kafka improvement proposals'],
  ['AMQP091', 'AMQP 0-9-1'],
  ['AMQP10', 'AMQP 1.0'],
  ['MQTT', 'MQTT 5.0 and 3.1.1'],
  ['STOMP', 'STOMP 1.0, 1.1, 1.2'],
];

export const conformanceTable: Generator = {
  target: 'docs/reference/conformance.md',
  render: (root) => {
    const references = readSources(root)
      .filter(({ path }) => /^(src|simulation|test|conformance)\//.test(path))
      // The tests of the checker cite what no specification has.
      .filter(({ path }) => !path.startsWith('test/tooling/'))
      .flatMap(collectSpecReferences);
    return renderConformance(references);
  },
};

export function renderConformance(references: readonly SpecReference[]): string {
  const parts = [
    '# Conformance',
    'Clauses of the specifications that code or tests cite. Made by `npm run generate`.',
  ];
  for (const [prefix, title] of specifications) {
    const isOurs = new RegExp(`^${prefix}[\\d]*-`);
    const names = new Set(references.map(({ name }) => name).filter((name) => isOurs.test(name)));
    if (names.size === 0) continue;
    const rows = [...names].sort(compareClauses).map((name) => {
      const paths = new Set(references.filter((one) => one.name === name).map(({ path }) => path));
      return `| ${name} | ${cell(paths, (path) => !isTest(path))} | ${cell(paths, isTest)} |`;
    });
    parts.push(`## ${title}`, ['| clause | code | tests |', '|---|---|---|', ...rows].join('\n'));
  }
  return `${parts.join('\n\n')}\n`;
}

function isTest(path: string): boolean {
  return /\.(test|fuzz|fixture)\.ts$/.test(path) || !path.startsWith('src/');
}

function cell(paths: ReadonlySet<string>, wanted: (path: string) => boolean): string {
  const names = [...paths].filter(wanted).sort();
  return names.map((path) => `\`${path}\``).join('<br>') || '–';
}

function compareClauses(left: string, right: string): number {
  return left.localeCompare(right, 'en', { numeric: true });
}
