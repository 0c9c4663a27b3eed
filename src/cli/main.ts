#!/usr/bin/env node
/**
 * The entry of the command `polylog`.
 *
 * Plain syntax and no imports: it has to load on a Node that is too old for the rest, to say so.
 */

const oldestNode = [20, 19];

function isTooOld(running: string): boolean {
  const parts = running.split('.').map(Number);
  const major = parts[0] || 0;
  const minor = parts[1] || 0;
  const oldestMajor = oldestNode[0] || 0;
  const oldestMinor = oldestNode[1] || 0;
  return major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
}

if (isTooOld(process.versions.node)) {
  process.stderr.write(
    'polylog: Node ' +
      oldestNode.join('.') +
      ' or newer is needed; this is ' +
      process.versions.node +
      '\n',
  );
  process.exitCode = 1;
} else {
  import('./run.ts').then(
    (cli) => cli.run(process.argv),
    (error) => {
      process.stderr.write(`polylog: ${error}\n`);
      process.exitCode = 70;
    },
  );
}
