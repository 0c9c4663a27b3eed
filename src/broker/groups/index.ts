/**
 * The surface of groups for the rest of the broker.
 */

export type * from './group-messages.ts';
export { GroupCoordinator } from './group-service.ts';
export { Groups } from './groups.ts';
export type { GroupSurroundings, SubscriptionReader } from './ports.ts';
