/**
 * The admin API: the table of its routes, and what answers requests by it.
 *
 * To add a route: an entry in the file of its subject, and that file's list in here.
 */

import { brokerRoutes } from './broker-routes.ts';
import { groupRoutes } from './groups.ts';
import { publishRoutes } from './publish.ts';
import { readRoutes } from './read.ts';
import type { Route } from './route.ts';
import { topicRoutes } from './topics.ts';

export type { ApiContext, DiskFacts, ListenerFacts, ProcessFacts } from './context.ts';
export { requestFaults, statusOf } from './problem.ts';
export type { Route } from './route.ts';
export { Router } from './router.ts';

/** In the order of the reference. */
export const routes: readonly Route[] = [
  ...brokerRoutes,
  ...topicRoutes,
  ...publishRoutes,
  ...readRoutes,
  ...groupRoutes,
];
