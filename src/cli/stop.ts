/** `polylog stop`: an orderly end, waited for. */

import { withBroker } from './admin-session.ts';
import { print } from './output.ts';

/** Returns when the broker has given its data folder free. */
export async function stopBroker(dataDir: string): Promise<void> {
  await withBroker(dataDir, async (session) => {
    await session.call('POST', '/v1/broker/stop');
    await session.untilStopped();
  });
  await print('stopped\n');
}
