/** docs/reference/clients.md: which clients were tried, with what, and how it went. */

import type { Program, Result, UsedProgram } from './check.ts';
import type { Observed } from './kafka/checks/observed.ts';

interface Row {
  passed: number;
  failed: number;
  readonly skipped: Set<string>;
}

export function clientsPage(
  results: readonly Result[],
  programs: ReadonlyMap<UsedProgram, string>,
  observed: Observed,
): string {
  const lines = [
    '# Clients',
    '',
    'Real clients against a real broker process. Made by `npm run conformance`, which runs every check',
    'again; `-- --sampled` is the shorter form that CI runs. A number is how many checks passed.',
  ];
  for (const [client, title] of [...programs, ['raw', 'By hand, byte for byte'] as const]) {
    const rows = rowsOf(results.filter(({ check }) => check.client === client));
    if (rows.size === 0) continue;
    lines.push('', `## ${title}`, '', '| feature | passed | failed | |', '|---|--:|--:|---|');
    for (const [feature, { passed, failed, skipped }] of rows) {
      const why = skipped.size === 0 ? '' : `not tried: ${[...skipped].join('; ')}`;
      lines.push(`| ${feature} | ${passed} | ${failed} | ${why} |`);
    }
    const versions = observed.versions.get(client as Program);
    if (versions !== undefined) lines.push('', versionsLine(versions));
  }
  return `${lines.join('\n')}\n`;
}

function rowsOf(results: readonly Result[]): Map<string, Row> {
  const rows = new Map<string, Row>();
  for (const { check, outcome, reason } of results) {
    const row = rows.get(check.feature) ?? { passed: 0, failed: 0, skipped: new Set() };
    rows.set(check.feature, row);
    if (outcome === 'passed') row.passed++;
    if (outcome === 'failed') row.failed++;
    if (outcome === 'skipped') row.skipped.add(reason);
  }
  return rows;
}

function versionsLine(versions: ReadonlyMap<string, ReadonlySet<number>>): string {
  const list = [...versions].map(
    ([name, numbers]) => `${name} ${[...numbers].sort((a, b) => a - b).join(' and ')}`,
  );
  return `Versions seen on the wire: ${list.join(', ')}.`;
}
