/** What every generator in this folder exports; scripts/generate.ts lists and runs them. */

export interface Generator {
  /** The file, relative to the project. */
  readonly target: string;
  /** Its whole content; the same for the same sources. */
  readonly render: (root: string) => string | Promise<string>;
}
