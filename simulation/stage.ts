/**
 * The stage of a run: what outlives the lives of the broker.
 *
 * Owns: the world, the histories, what the clients share. Leaves: one life of the broker to `life.ts`.
 */
import { GroupHistory } from './group-history.ts';
import type { Mistake } from './mistakes.ts';
import { PartitionHistory } from './partition-history.ts';
import type { SeededRandom } from './random.ts';
import type { Scenario } from './scenario.ts';
import { SentLedger } from './sent.ts';
import { TopicHistory } from './topic-history.ts';
import type { TopicKind } from './topic-kind.ts';
import { promise } from './violation.ts';
import type { World } from './world.ts';

const GUEST_ID_MIN = 1_000_000_000;

export class Stage {
  readonly world: World;
  readonly scenario: Scenario;
  readonly mistake: Mistake;
  readonly random: SeededRandom;
  readonly ledger = new SentLedger();
  readonly topics: TopicHistory[] = [];
  readonly groups: readonly GroupHistory[];
  /** Clients start nothing new: somebody wants to look at a broker at rest. */
  isPaused = false;
  /** Faults are over: everything has to come right now. */
  isHealing = false;
  /** Clients take their time: they only finish what is open. */
  isCalm = false;
  /** What producers may still send in this life. */
  bytesLeft = 0;
  batchesLeft = 0;
  /** Bits have rotted: what is read may be refused as damaged, never served. */
  rottenPaths: ReadonlySet<string> = new Set();
  /** Queue consumers so far: their numbers. */
  consumers = 0;
  private topicNumber = 0;
  private guests = 0;
  private readonly producerIds = new Set<number>();

  constructor(world: World, scenario: Scenario, mistake: Mistake) {
    this.world = world;
    this.scenario = scenario;
    this.mistake = mistake;
    this.random = world.random.fork('stage');
    const { groupsMax } = scenario.workload;
    this.groups = Array.from({ length: groupsMax }, (_, i) => new GroupHistory(`group-${i}`));
  }

  /** Those that clients may use: known to be there, nobody deleting them. */
  get topicsThere(): TopicHistory[] {
    return this.topics.filter((topic) => topic.stage === 'there');
  }

  /** An id of a producer that never asked for one. */
  nextGuest(): number {
    return GUEST_ID_MIN + this.guests++;
  }

  nextTopicName(): string {
    return `topic-${this.topicNumber++}`;
  }

  noteProducerId(id: number): void {
    promise(!this.producerIds.has(id), `producer id ${id} was given twice`);
    this.producerIds.add(id);
  }

  addTopic(name: string, uuid: string, kind: TopicKind, partitions: number): TopicHistory {
    const { retentionMs: ms, retentionBytes: bytes } = this.scenario;
    const latest = (): number => this.world.latestWallMs();
    const topic = new TopicHistory(name, uuid, kind, { ms, bytes }, latest);
    this.addPartitions(topic, partitions);
    this.topics.push(topic);
    return topic;
  }

  addPartitions(topic: TopicHistory, total: number): void {
    while (topic.partitions.length < total) {
      topic.partitions.push(new PartitionHistory(topic, topic.partitions.length, this.ledger));
    }
  }
}
