/**
 * The scenario of a seed: which faults, which workload, how many lives.
 *
 * Owns: the choice. Swarm testing: each seed gets its own mix, so that runs reach different corners.
 */
import type { Durability } from '../src/log/pipeline.ts';
import type { SeededRandom } from './random.ts';
import { chooseSwarm, type Swarm } from './swarm.ts';
import { type TopicKind, topicKinds } from './topic-kind.ts';

const MIB = 1024 * 1024;
/** Actions of one client in one life. */
const STEPS_MAX = 2500;

/** How a life is to end, unless something else ends it before. */
export interface Ending {
  readonly kind: 'kill' | 'power' | 'close';
  /** Crash after so many disk operations; 0: at a time. */
  readonly operations: number;
  readonly afterMicros: number;
}

export interface Workload {
  readonly producers: number;
  readonly sequencedProducers: number;
  readonly fanOutProducers: number;
  readonly publishers: number;
  readonly tailReaders: number;
  readonly readers: number;
  readonly consumers: number;
  readonly groupMembers: number;
  readonly groupsMax: number;
  /** Mean time between two actions of a client. */
  readonly thinkMicros: number;
  readonly valueBytesMax: number;
  readonly recordsMax: number;
  /** In some batches: values as large as this. */
  readonly largeBytes: number;
  readonly deleteRate: number;
  readonly ignoresCongestion: boolean;
}

export interface Scenario {
  readonly swarm: Swarm;
  readonly segmentBytes: number;
  readonly durability: Durability;
  readonly lives: number;
  readonly lifeMicros: number;
  /** Bytes that producers send in one life. */
  readonly bytesPerLife: number;
  readonly batchesPerLife: number;
  readonly kinds: readonly TopicKind[];
  readonly topicsMax: number;
  readonly partitionsMax: number;
  readonly retentionMs: number;
  readonly retentionBytes: number;
  readonly workload: Workload;
  /** Producers are forgotten soon; none sends anything twice then. 0: they are not. */
  readonly producerExpiryMs: number;
  /** The last crash is followed by rot. */
  readonly rots: boolean;
}

export function chooseScenario(random: SeededRandom): Scenario {
  const swarm = chooseSwarm(random);
  const draw = random.fork('scenario');
  const durability = draw.chance(0.1) ? 'write' : 'fsync';
  const isCalm = draw.chance(0.25);
  const workload = chooseWorkload(random.fork('workload'));
  const producerExpiryMs = draw.chance(0.2) ? draw.pick([20, 1000]) : 0;
  const lifeMicros = draw.pick([30_000, 200_000, 1_000_000, 4_000_000]);
  return {
    swarm: {
      ...swarm,
      disk: isCalm ? withoutErrors(swarm.disk) : swarm.disk,
      // Answered is not durable there: only the page cache counts.
      crash: durability === 'write' ? { ...swarm.crash, killShare: 1 } : swarm.crash,
    },
    segmentBytes: draw.pick([MIB, MIB, MIB, 2 * MIB]),
    durability,
    lives: draw.between(2, 7),
    lifeMicros: Math.min(lifeMicros, workload.thinkMicros * STEPS_MAX),
    bytesPerLife: draw.between(1, 5) * MIB,
    batchesPerLife: draw.pick([200, 1000, 3000]),
    kinds: topicKinds.filter(() => draw.chance(0.5)),
    topicsMax: draw.between(1, 4),
    partitionsMax: draw.between(1, 4),
    retentionMs: draw.pick([20, 200, 2000, 60_000]),
    retentionBytes: draw.pick([64, 256, 1024]) * 1024,
    workload: producerExpiryMs > 0 ? { ...workload, sequencedProducers: 0 } : workload,
    producerExpiryMs,
    rots: durability === 'fsync' && swarm.crash.flipsMax > 0,
  };
}

function withoutErrors(disk: Swarm['disk']): Swarm['disk'] {
  return { ...disk, readErrorRate: 0, writeErrorRate: 0, syncErrorRate: 0, nameErrorRate: 0 };
}

function chooseWorkload(draw: SeededRandom): Workload {
  const groups = draw.fork('groups');
  return {
    producers: draw.between(1, 3),
    sequencedProducers: draw.between(0, 3),
    fanOutProducers: draw.between(0, 1),
    publishers: draw.between(0, 1),
    tailReaders: draw.between(0, 2),
    readers: draw.between(0, 3),
    consumers: draw.between(0, 4),
    groupMembers: groups.between(0, 4),
    groupsMax: groups.between(1, 2),
    thinkMicros: draw.pick([100, 500, 2000, 10_000]),
    valueBytesMax: draw.pick([64, 1000, 10_000, 30_000]),
    recordsMax: draw.pick([1, 4, 30]),
    largeBytes: draw.chance(0.5) ? draw.pick([70_000, 200_000]) : 0,
    deleteRate: draw.pick([0, 0.02, 0.1]),
    ignoresCongestion: draw.chance(0.2),
  };
}

export function chooseEnding(scenario: Scenario, draw: SeededRandom): Ending {
  const { crash } = scenario.swarm;
  const afterMicros = Math.ceil(scenario.lifeMicros * (0.2 + draw.fraction()));
  const isCrash = crash.operationsMean > 0 && draw.chance(0.8);
  if (!isCrash) return { kind: 'close', operations: 0, afterMicros };
  const kind = draw.chance(crash.killShare) ? 'kill' : 'power';
  const isCounted = draw.chance(0.7);
  const operations = isCounted ? draw.between(1, 2 * crash.operationsMean) : 0;
  return { kind, operations, afterMicros };
}
