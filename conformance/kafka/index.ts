/** All checks of Kafka's protocol, in the order in which they are shown. */

import type { Check } from '../check.ts';
import { adminToolChecks } from './checks/admin-tools.ts';
import { administrationChecks } from './checks/administration.ts';
import { badInputChecks } from './checks/bad-input.ts';
import { consoleToolChecks } from './checks/console-tools.ts';
import { consumingChecks } from './checks/consuming.ts';
import { exactlyOnceChecks } from './checks/exactly-once.ts';
import { groupRuleChecks } from './checks/group-rules.ts';
import { groupToolChecks } from './checks/group-tools.ts';
import { groupTortureChecks } from './checks/group-torture.ts';
import { groupChecks } from './checks/groups.ts';
import { hostileChecks } from './checks/hostile.ts';
import { loadChecks } from './checks/load.ts';
import { matrixChecks } from './checks/matrix.ts';
import { type Observed, observedChecks } from './checks/observed.ts';
import { oldToolChecks } from './checks/old-tools.ts';
import { olderClientChecks } from './checks/older-clients.ts';
import { positionChecks } from './checks/positions.ts';
import { produceRuleChecks } from './checks/produce-rules.ts';
import { protocolChecks } from './checks/protocol.ts';
import { storageChecks } from './checks/storage.ts';
import { userInterfaceChecks } from './checks/user-interfaces.ts';
import type { World } from './world.ts';

export function kafkaChecks(world: World, observed: Observed): Check[] {
  return [
    ...observedChecks(world, observed),
    ...matrixChecks(world),
    ...olderClientChecks(world),
    ...positionChecks(world),
    ...consumingChecks(world),
    ...produceRuleChecks(world),
    ...exactlyOnceChecks(world),
    ...loadChecks(world),
    ...storageChecks(world),
    ...administrationChecks(world),
    ...consoleToolChecks(world),
    ...adminToolChecks(world),
    ...groupChecks(world),
    ...groupTortureChecks(world),
    ...groupRuleChecks(world),
    ...groupToolChecks(world),
    ...oldToolChecks(world),
    ...userInterfaceChecks(world),
    ...protocolChecks(world),
    ...badInputChecks(world),
    ...hostileChecks(world),
  ];
}
