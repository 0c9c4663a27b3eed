/**
 * What is wrong with a running broker, or worth knowing, in words and with a remedy.
 *
 * Owns: the judgement. Leaves: the facts to the context, groups and files to those who ask for more.
 */

import { type BrokerError, errorTable } from '../kernel/errors.ts';
import type { ApiContext } from './context.ts';

/** Worst first. */
export const findingLevels = ['error', 'warning', 'note'] as const;

export interface Finding {
  readonly level: (typeof findingLevels)[number];
  readonly what: string;
  readonly remedy: string;
}

/** Below these shares of the disk. */
const freeShareWarning = 0.1;
const freeShareError = 0.02;
/** And never before less than this is left. */
const freeBytesPlenty = 20 * 1024 ** 3;

const openFilesShareWarning = 0.8;

/** Major versions of Node and the end of their maintenance: the day, and the same in Unix ms. */
const nodeEnds: Readonly<Record<number, { readonly day: string; readonly time: number }>> = {
  20: { day: '2026-04-30', time: 1_777_507_200_000 },
  22: { day: '2027-04-30', time: 1_809_043_200_000 },
  24: { day: '2028-04-30', time: 1_840_665_600_000 },
  26: { day: '2029-04-30', time: 1_872_201_600_000 },
};

/** Worst first. */
export function findings(context: ApiContext): Finding[] {
  const all = [
    ...storageFindings(context),
    ...listenerFindings(context),
    ...processFindings(context),
    ...configFindings(context),
  ];
  const rank = ({ level }: Finding): number => findingLevels.indexOf(level);
  return all.sort((left, right) => rank(left) - rank(right));
}

function* storageFindings(context: ApiContext): Iterable<Finding> {
  const { broker } = context;
  const fault = context.fault();
  if (fault !== null) {
    yield {
      level: 'error',
      what: `The broker has stopped serving: ${textOf(fault)}.`,
      remedy:
        'Look at the disk and the log of the system, then start the broker again; what was acknowledged is there.',
    };
  }
  if (broker.isStorageFull) {
    yield {
      level: 'error',
      what: 'There is no space to publish: publishers are refused, consumers go on.',
      remedy:
        'Free space on the disk, delete topics, or shorten their retention.ms or retention.bytes.',
    };
  }
  const disk = context.diskFacts();
  if (disk === null || disk.totalBytes === 0 || broker.isStorageFull) return;
  const share = disk.freeBytes / disk.totalBytes;
  if (share > freeShareWarning || disk.freeBytes > freeBytesPlenty) return;
  yield {
    level: share <= freeShareError ? 'error' : 'warning',
    what: `The disk of the data folder is nearly full: ${Math.round(disk.freeBytes / 1024 ** 2)} MiB are free, ${(share * 100).toFixed(1)} %.`,
    remedy: 'Free space, delete topics, or shorten their retention.ms or retention.bytes.',
  };
}

function* listenerFindings(context: ApiContext): Iterable<Finding> {
  const listeners = context.listeners();
  if (listeners.length === 0) {
    yield {
      level: 'warning',
      what: 'There is no listener: no client can connect.',
      remedy: 'Start it with --listen, for example --listen kafka://127.0.0.1:9092.',
    };
  } else if (!listeners.some(({ isRemote }) => isRemote)) {
    yield {
      level: 'note',
      what: 'All listeners are on loopback: only programs on this machine can connect.',
      remedy:
        'If others should: --listen kafka://0.0.0.0:9092 --advertise kafka://NAME:9092 --allow-anonymous, in a network that you trust.',
    };
  } else if (context.config.allowAnonymous) {
    yield {
      level: 'warning',
      what: 'Whoever can reach a listener may read, write and delete everything: there are no users.',
      remedy: 'Let only a network that you trust reach it, or listen on loopback.',
    };
  }
}

function* processFindings(context: ApiContext): Iterable<Finding> {
  const { nodeVersion, openFiles, openFilesMax } = context.processFacts();
  const { connectionsMax } = context.config;
  if (openFiles !== null && openFilesMax !== null) {
    if (openFiles > openFilesMax * openFilesShareWarning) {
      yield {
        level: 'warning',
        what: `${openFiles} of ${openFilesMax} file descriptors are in use; without one more, no connection is accepted and no segment opened.`,
        remedy: 'Raise the limit (ulimit -n, LimitNOFILE= in systemd) and start the broker again.',
      };
    } else if (openFilesMax < connectionsMax) {
      yield {
        level: 'note',
        what: `The process may have ${openFilesMax} file descriptors: it takes fewer connections than the ${connectionsMax} it was told to.`,
        remedy: 'Raise the limit (ulimit -n, LimitNOFILE= in systemd), or lower --connections-max.',
      };
    }
  }
  const end = nodeEnds[Number.parseInt(nodeVersion.replace(/^v/, ''), 10)];
  if (end !== undefined && context.clock.now() > end.time) {
    yield {
      level: 'note',
      what: `Node ${nodeVersion} gets no fixes since ${end.day}.`,
      remedy: 'Run the broker with a version of Node that is maintained.',
    };
  }
}

function* configFindings({ config }: ApiContext): Iterable<Finding> {
  if (config.storage === 'memory') {
    yield {
      level: 'note',
      what: 'Everything is in memory, and gone when the broker stops.',
      remedy: 'Start it with --storage journal to keep it.',
    };
  } else if (config.durability === 'write') {
    yield {
      level: 'note',
      what: 'With durability=write, a crash of the machine may lose what was acknowledged last.',
      remedy: 'Start it with --durability fsync if that matters.',
    };
  }
}

function textOf(error: BrokerError): string {
  const text = errorTable[error.code].text.replace(/\.$/, '');
  return error.detail === '' ? text : `${text} (${error.detail})`;
}
