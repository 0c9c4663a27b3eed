/** Which fuzz targets there are, and the choices of each of their rounds. */

import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { listFiles, projectRoot } from '../../scripts/source-tree.ts';
import type { FuzzTarget } from '../../simulation/fuzz-target.ts';
import { SeededRandom } from '../../simulation/random.ts';

export async function findTargets(): Promise<FuzzTarget[]> {
  const found: FuzzTarget[] = [];
  for (const file of listFiles(projectRoot, 'src', /\.fuzz\.ts$/)) {
    const compiled = path.join(projectRoot, 'dist', file.replace(/\.ts$/, '.js'));
    const module = (await import(pathToFileURL(compiled).href)) as {
      readonly targets?: readonly FuzzTarget[];
    };
    found.push(...(module.targets ?? []));
  }
  return found;
}

/** Independent of how far the others have come: a round can be repeated alone. */
export function diceFor(seed: number, target: FuzzTarget, round: number): SeededRandom {
  return new SeededRandom(seed).fork(`${target.name} ${round}`);
}
