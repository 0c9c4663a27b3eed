/** What `polylog doctor` finds. */

/** Worst first. */
export const levels = ['error', 'warning', 'note'] as const;

export interface Finding {
  readonly level: (typeof levels)[number];
  /** What is wrong, or worth knowing. */
  readonly what: string;
  readonly remedy: string;
}
