/** What the embedding tests share. */

import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { TestContext } from 'node:test';

/** An empty folder that goes with the test. */
export function temporaryFolder(t: TestContext): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'polylog-embedding-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The first `count` of what comes, or all there is. */
export async function collect<T>(
  source: AsyncIterable<T>,
  count = Number.POSITIVE_INFINITY,
): Promise<T[]> {
  const found: T[] = [];
  for await (const one of source) {
    found.push(one);
    if (found.length >= count) break;
  }
  return found;
}
