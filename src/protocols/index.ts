/** The protocols that there are. To add one: its folder, and one line in this list. */

import type { ProtocolModule } from './contract.ts';
import { kafka } from './kafka/index.ts';

// biome-ignore format: one line each, so that a protocol goes with its folder and its lines
export const protocolModules: readonly ProtocolModule[] = [
  kafka,
];
