/**
 * Planted bugs: what a broker that is wrong in one way would do, put in from outside.
 *
 * Owns: the six mistakes, each as a wrapper around a port, an object or a client. The product has no
 * switch for any of them. Leaves: finding them to the checkers.
 */
import type { Broker } from '../src/broker/index.ts';
import type { Disk } from '../src/kernel/ports.ts';
import type { SimProcess } from './process.ts';

export interface Mistake {
  readonly name: string;
  wrapDisk?(disk: Disk, process: SimProcess): Disk;
  wrapBroker?(broker: Broker): void;
  /** Answers computed from state leave before that state is committed. */
  readonly answersAtOnce?: boolean;
  /** Changes what all brokers share, until the function returned is called. */
  install?(): () => void;
}

export const noMistake: Mistake = { name: 'none' };
