/** `polylog groups list`. */

import { withBroker } from './admin-session.ts';
import { print, printJson } from './output.ts';
import { renderTable } from './table.ts';

export interface GroupSummary {
  readonly groupId: string;
  readonly state: string;
  readonly protocolType: string;
}

export async function listGroups(
  dataDir: string,
  { json = false }: { readonly json?: boolean },
): Promise<void> {
  const groups = await withBroker(dataDir, async (session) => {
    const found: GroupSummary[] = [];
    for await (const group of session.pages<GroupSummary>('/v1/groups')) found.push(group);
    return found;
  });
  if (json) return printJson(groups);
  if (groups.length === 0) return print('no groups\n');
  const rows = groups.map(({ groupId, state, protocolType }) => [groupId, state, protocolType]);
  await print(renderTable(['group', 'state', 'type'], rows));
}
