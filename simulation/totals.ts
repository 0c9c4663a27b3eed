/**
 * What a run of many seeds has seen: how often each fault and each event happened.
 *
 * Owns: adding up, the report, and the list of what has to happen in any run worth the name.
 */
import type { RunResult } from './run.ts';

/** Events by what they show, under the names that they are noted with. */
const shown: Readonly<Record<string, readonly string[]>> = {
  lives: ['life.started', 'life.opened', 'life.not_opened', 'life.closed', 'life.fenced'],
  crashes: ['disk.kill', 'disk.power'],
  faults: [
    'disk.read_failed',
    'disk.write_failed',
    'disk.sync_failed',
    'disk.name_failed',
    'disk.full',
    'disk.space_exhausted',
    'disk.space_exhausted',
    'disk.slow',
    'clock.jump',
    'process.stall',
    'rot.flipped',
    'rot.opened',
    'rot.refused',
  ],
  log: [
    'disk.segment_made',
    'disk.segment_recycled',
    'disk.archive_made',
    'segments.rewritten',
    'rewrite.postponed',
    'checkpoint.published',
    'checkpoint.refused',
    'manifest.tail_dropped',
    'journal.fenced',
  ],
  clients: [
    'append.answered',
    'append.duplicate',
    'reader.read',
    'reader.woken',
    'reader.looked_up',
    'records.deleted',
    'topic.created',
    'topic.deleted',
    'queue.declared',
    'queue.delivered',
    'queue.redelivered',
    'queue.confirmed',
    'queue.released',
    'queue.lease_expired',
    'queue.purged',
    'queue.deleted',
    'consumer.left',
    'group.joined',
    'group.shared',
    'group.went_on',
    'group.committed',
    'group.seen',
    'group.left',
    'group.deleted',
    'group.offset_deleted',
  ],
  checks: ['audit.done', 'replay.compared', 'heal.given_back'],
};

/** Nothing of these may be missing in a run of many seeds. */
const optional = new Set([
  'disk.full',
  'rewrite.postponed',
  'checkpoint.refused',
  'manifest.tail_dropped',
]);

export class Totals {
  seeds = 0;
  events = 0;
  micros = 0;
  readonly failures: { readonly seed: number; readonly message: string }[] = [];
  private readonly counts = new Map<string, number>();

  add(result: RunResult): void {
    this.seeds++;
    this.events += result.events;
    this.micros += result.micros;
    for (const [name, count] of result.counts) {
      this.counts.set(name, (this.counts.get(name) ?? 0) + count);
    }
    const { failure, seed } = result;
    if (failure !== null) this.failures.push({ seed, message: failure.message });
  }

  count(name: string): number {
    return this.counts.get(name) ?? 0;
  }

  /** Names of what should have happened and never did. */
  missing(): string[] {
    const names = Object.values(shown).flat();
    return names.filter((name) => !optional.has(name) && this.count(name) === 0);
  }

  progress(seconds: number): string {
    const rate = (this.seeds / seconds).toFixed(1);
    return `${this.seeds} seeds, ${rate} a second, ${this.failures.length} failed`;
  }

  report(seconds: number): string {
    const hours = (this.micros / 3_600_000_000).toFixed(1);
    const lines = [
      `${this.progress(seconds)}; ${this.events} events in ${hours} hours of virtual time`,
    ];
    for (const [group, names] of Object.entries(shown)) {
      const texts = names.map((name) => `${name.slice(name.indexOf('.') + 1)} ${this.count(name)}`);
      lines.push(`  ${group.padEnd(8)} ${texts.join(', ')}`);
    }
    const missing = this.missing();
    if (missing.length > 0) lines.push(`  never    ${missing.join(', ')}`);
    for (const { message } of this.failures.slice(0, 20)) lines.push(`  FAILED   ${message}`);
    return lines.join('\n');
  }
}
