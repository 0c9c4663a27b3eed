/**
 * The real clock.
 *
 * The functions are taken when the module loads, so that a test which replaces `Date` or
 * `performance` later (Jest, sinon) does not stop the broker inside it.
 */

import { performance } from 'node:perf_hooks';
import type { Clock } from '../kernel/ports.ts';

const wallNow = Date.now;
const monotonicNow = performance.now.bind(performance);

export const nodeClock: Clock = { now: wallNow, monotonic: monotonicNow };
