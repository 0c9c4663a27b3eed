/** `polylog groups delete`. */

import { at, withBroker } from './admin-session.ts';
import { print, printJson } from './output.ts';

export async function deleteGroups(
  dataDir: string,
  ids: readonly string[],
  { json = false }: { readonly json?: boolean },
): Promise<void> {
  await withBroker(dataDir, async (session) => {
    for (const id of ids) {
      await session.call('DELETE', at`/v1/groups/${id}`);
      if (!json) await print(`group ${id} deleted\n`);
    }
  });
  if (json) await printJson(ids);
}
