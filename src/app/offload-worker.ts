/** The entry of the worker thread for offloaded work: nothing but the broker's tasks. */

import { serveOffload } from '../node/offload.ts';
import { offloadTasks } from './offload-tasks.ts';

serveOffload(offloadTasks);
