/**
 * Results as Markdown tables, for the terminal and for RESULTS.md alike.
 */
import type { Measure } from './measure.ts';
import type { Result } from './rounds.ts';
import { judge, peerNames } from './targets.ts';

const mebibyte = 1024 * 1024;

/** One line per load and peer. */
export function resultTable(results: readonly Result[]): string {
  const rows = results.flatMap((result) => [
    ...peerNames.flatMap((peer) => {
      const median = result.medians.get(peer);
      const rounds = result.rounds.get(peer) ?? [];
      return median === undefined ? [] : [measureRow(result, peer, median, rounds)];
    }),
    ...(result.baseline === null
      ? []
      : [[result.baseline.title, '', number(result.baseline.value)]]),
  ]);
  const heads = [
    ...['load', 'broker', 'median', 'rounds', 'MB/s', 'k requests/s', 'CPU ms/GB', 'ns/record'],
    ...['p50 / p99 / p99.9 / longest, ms', 'RSS MiB', 'generator CPU', 'polylog / kafka'],
  ];
  return markdownTable(heads, rows);
}

export function verdictTable(results: readonly Result[]): string {
  const rows = judge(results).map(({ target, measured, isMet }) => [
    target,
    measured,
    isMet ? 'met' : '**missed**',
  ]);
  return rows.length === 0 ? '' : markdownTable(['target', 'measured', ''], rows);
}

function measureRow(
  result: Result,
  peer: string,
  median: Measure,
  rounds: readonly Measure[],
): string[] {
  const { latencyMs: latency } = median;
  const theirs = result.medians.get('kafka');
  const ratio = peer === 'polylog' && theirs !== undefined ? median.value / theirs.value : null;
  const hasLatency = latency !== null && latency.max > 0;
  return [
    result.title,
    peer,
    `${number(median.value)} ${result.unit}`,
    rounds.map((round) => number(round.value)).join(', '),
    median.bytes === 0 ? '' : number(median.bytes / 1e6 / median.seconds),
    median.requests === 0 ? '' : number(median.requests / 1000 / median.seconds),
    median.bytes === 0 ? '' : number(median.cpuMs / (median.bytes / 1e9)),
    median.records === 0 ? '' : number((median.cpuMs * 1e6) / median.records),
    hasLatency ? [latency.p50, latency.p99, latency.p999, latency.max].map(number).join(' / ') : '',
    number(median.rssBytes / mebibyte),
    median.generatorMs === 0 ? '' : `${(median.generatorMs / 10 / median.seconds).toFixed(0)} %`,
    ratio === null ? '' : ratio.toFixed(2),
  ];
}

function number(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function markdownTable(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [heads, ...rows];
  const widths = heads.map((_, i) => Math.max(...all.map((row) => (row[i] ?? '').length)));
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, i) => (row[i] ?? '').padEnd(width)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [line(heads), rule, ...rows.map(line)].join('\n');
}
