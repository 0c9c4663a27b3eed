/** Which data folder a command is about. */

/** What its flags say. */
export interface DataDirFlags {
  readonly dataDir?: string | undefined;
  readonly config?: string | undefined;
}

/** Out of its flags, the environment and the file, like the broker's. */
export async function dataDirOf({ dataDir, config }: DataDirFlags): Promise<string> {
  const { resolveOptions } = await import('./start-options.ts');
  return (await resolveOptions({ dataDir, config })).config.dataDir;
}
