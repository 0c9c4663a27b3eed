/**
 * What may run away from the loop: the same table on both sides.
 *
 *     task        parameters                     output
 *     decompress  codec, output limit in bytes   the uncompressed bytes
 */

import type { OffloadTasks } from '../node/offload.ts';
import { decompress } from '../record/compression/index.ts';

export const offloadTasks: OffloadTasks = {
  decompress: (input, [codec = 0, limitBytes = 0]) =>
    decompress(codec, input, 0, input.length, limitBytes),
};
