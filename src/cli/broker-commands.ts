/** The commands about a broker as a whole: their flags. */

import type { Command } from 'commander';
import { type DataDirFlags, dataDirOf } from './data-dir.ts';
import { addOptionFlags } from './option-flags.ts';

interface JsonFlag {
  readonly json?: boolean;
}

export function addBrokerCommands(program: Command): void {
  const add = (name: string, text: string): Command =>
    addOptionFlags(program.command(name).description(text), ['dataDir']);
  add('status', 'Ask a running broker how it is.')
    .option('--json', 'For programs.')
    .action(async ({ json, ...flags }: DataDirFlags & JsonFlag) => {
      const { showStatus } = await import('./status.ts');
      await showStatus(await dataDirOf(flags), json === true);
    });
  add('stop', 'Stop a running broker, and wait until it has stopped.').action(
    async (flags: DataDirFlags) => (await import('./stop.ts')).stopBroker(await dataDirOf(flags)),
  );
  add(
    'doctor',
    'Say in words what is wrong with a broker, running or not, and what to do. Changes nothing.',
  )
    .option('--json', 'For programs.')
    .option('--deep', 'Read and check every file, also when that takes long.')
    .action(
      async ({ json, deep, ...flags }: DataDirFlags & JsonFlag & { readonly deep?: boolean }) => {
        const { doctor } = await import('./doctor.ts');
        await doctor(await dataDirOf(flags), { isJson: json === true, isDeep: deep === true });
      },
    );
}
