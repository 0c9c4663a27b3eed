/** All checks of Kafka's protocol, in the order in which they are shown. */

import type { Check } from '../check.ts';
import { administrationChecks } from './checks/administration.ts';
import { consoleToolChecks } from './checks/console-tools.ts';
import { exactlyOnceChecks } from './checks/exactly-once.ts';
import { groupChecks } from './checks/groups.ts';
import { hostileChecks } from './checks/hostile.ts';
import { matrixChecks } from './checks/matrix.ts';
import { type Observed, observedChecks } from './checks/observed.ts';
import { positionChecks } from './checks/positions.ts';
import { produceRuleChecks } from './checks/produce-rules.ts';
import { protocolChecks } from './checks/protocol.ts';
import type { World } from './world.ts';

export function kafkaChecks(world: World, observed: Observed): Check[] {
  return [
    ...observedChecks(world, observed),
    ...matrixChecks(world),
    ...positionChecks(world),
    ...produceRuleChecks(world),
    ...exactlyOnceChecks(world),
    ...administrationChecks(world),
    ...consoleToolChecks(world),
    ...groupChecks(world),
    ...protocolChecks(world),
    ...hostileChecks(world),
  ];
}
