/**
 * What the suite says: a line for each check as it ends, times, and the totals at the end.
 */

export interface Report {
  passed: number;
  failed: number;
}

/** Runs `action` as one check named `name`; what it returns is said with the result. */
export async function check(
  report: Report,
  name: string,
  action: () => Promise<string>,
): Promise<boolean> {
  const started = performance.now();
  const seconds = (): string => `${((performance.now() - started) / 1000).toFixed(1)} s`;
  try {
    const said = await action();
    report.passed += 1;
    console.log(`ok      ${name} (${seconds()})${said === '' ? '' : `: ${said}`}`);
    return true;
  } catch (error) {
    report.failed += 1;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    console.log(`FAILED  ${name} (${seconds()})\n        ${text.replaceAll('\n', '\n        ')}`);
    return false;
  }
}

/** Says why something is left out. It counts neither way. */
export function skipped(name: string, reason: string): void {
  console.log(`skipped ${name}: ${reason}`);
}

export function spread(values: readonly number[], unit: string): string {
  const sorted = [...values].sort((left, right) => left - right);
  const at = (share: number): string => {
    const value = sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
    return value.toFixed(0);
  };
  return `min ${at(0)} ${unit}, median ${at(0.5)} ${unit}, max ${at(1)} ${unit}`;
}
