/**
 * What was sent and what the broker said of it: the promises that must hold after every crash.
 *
 * Owns: topics, the streams that write to their partitions, every batch of every stream and its fate.
 * Leaves: sending to `producer.ts`, comparing with what is stored to `verify.ts`.
 *
 *   sent ──answer──→ acked      it is there, at its offset, for as long as retention keeps it
 *     │ ───error───→ refused    it is not there
 *     └──no answer─→ unknown ──look──→ kept     it was found, and stays where it was found
 *                                  └─→ gone     it was not found, and never appears
 *
 * A batch that is refused, kept or gone may be sent again by an idempotent producer, with the same
 * sequence: kept ones must be answered with the offset where they are.
 */
import type { Shape } from './content.ts';

export type Fate = 'sent' | 'acked' | 'refused' | 'unknown' | 'kept' | 'gone';

/** One batch: records [first, first + count) of its stream. */
export interface Claim {
  readonly stream: Stream;
  readonly first: number;
  readonly count: number;
  /** Unix ms, of all its records. */
  readonly timestamp: number;
  /** The run of the broker in which it was sent last. */
  run: number;
  fate: Fate;
  /** Of its first record; -1 as long as nobody knows. */
  offset: number;
  /** Where a consumer saw it; -1 if none did. */
  seenAt: number;
  /** The pass of verification that found it last. */
  foundIn: number;
}

export interface TopicClaim {
  readonly name: string;
  readonly partitions: number;
  readonly options: Readonly<Record<string, string>>;
  /** Named anew for each topic of the same name. */
  readonly streams: Stream[];
  /** What must be found; `unknown` while an unanswered request may have changed it. */
  presence: 'present' | 'absent' | 'unknown';
  /** Per partition: the least log start and high watermark that must be found. */
  readonly logStarts: number[];
  readonly ends: number[];
}

/** Batches of one producer to one partition, in order. */
export class Stream {
  readonly id: number;
  readonly topic: TopicClaim;
  readonly partition: number;
  readonly shape: Shape;
  readonly codec: number;
  readonly claims: Claim[] = [];
  /** -1: not idempotent. */
  producerId = -1;
  producerEpoch = -1;
  #byFirst = new Map<number, Claim>();
  #next = 0;

  constructor(id: number, topic: TopicClaim, partition: number, shape: Shape, codec: number) {
    this.id = id;
    this.topic = topic;
    this.partition = partition;
    this.shape = shape;
    this.codec = codec;
  }

  get isIdempotent(): boolean {
    return this.producerId >= 0;
  }

  /** The next batch, of `count` records. */
  claim(count: number, run: number): Claim {
    const claim: Claim = {
      stream: this,
      first: this.#next,
      count,
      timestamp: Date.now(),
      run,
      fate: 'sent',
      offset: -1,
      seenAt: -1,
      foundIn: 0,
    };
    this.#next += count;
    this.claims.push(claim);
    this.#byFirst.set(claim.first, claim);
    return claim;
  }

  find(first: number): Claim | undefined {
    return this.#byFirst.get(first);
  }
}

export class Claims {
  readonly topics = new Map<string, TopicClaim>();
  readonly violations: string[] = [];
  /** Counts the runs of the broker, from 1. */
  run = 0;
  leaderEpoch = 0;
  readonly #streams: Stream[] = [];

  topic(
    name: string,
    partitions: number,
    options: Readonly<Record<string, string>> = {},
  ): TopicClaim {
    const zeros = () => new Array<number>(partitions).fill(0);
    const topic: TopicClaim = {
      name,
      partitions,
      options,
      streams: [],
      presence: 'unknown',
      logStarts: zeros(),
      ends: zeros(),
    };
    this.topics.set(name, topic);
    return topic;
  }

  stream(topic: TopicClaim, partition: number, shape: Shape, codec = 0): Stream {
    const stream = new Stream(this.#streams.length, topic, partition, shape, codec);
    this.#streams.push(stream);
    topic.streams.push(stream);
    return stream;
  }

  streamById(id: number): Stream | undefined {
    return this.#streams[id];
  }

  /** All streams of topics that should be there. */
  liveStreams(): Stream[] {
    return this.#streams.filter(
      ({ topic }) => topic.presence !== 'absent' && this.topics.get(topic.name) === topic,
    );
  }

  get ackedRecords(): number {
    let records = 0;
    for (const stream of this.#streams) {
      for (const claim of stream.claims) if (claim.fate === 'acked') records += claim.count;
    }
    return records;
  }

  /** Returns the undoing of whatever is noted from now on: for trying several fates of one folder. */
  snapshot(): () => void {
    const { run, leaderEpoch } = this;
    const claims = this.#streams.flatMap((stream) =>
      stream.claims.map((claim) => ({ claim, before: { ...claim } })),
    );
    const topics = [...this.topics.values()].map((topic) => {
      return { topic, starts: [...topic.logStarts], ends: [...topic.ends] };
    });
    return () => {
      this.run = run;
      this.leaderEpoch = leaderEpoch;
      for (const { claim, before } of claims) Object.assign(claim, before);
      for (const { topic, starts, ends } of topics) {
        topic.logStarts.splice(0, starts.length, ...starts);
        topic.ends.splice(0, ends.length, ...ends);
      }
    };
  }

  /** Something that must not happen has. */
  violated(what: string): void {
    if (this.violations.length < 50) this.violations.push(what);
  }

  acked(claim: Claim, offset: number): void {
    if (claim.offset >= 0 && claim.offset !== offset) {
      this.violated(`${describe(claim)} was at ${claim.offset}, and is answered with ${offset}`);
    }
    if (claim.seenAt >= 0 && claim.seenAt !== offset) {
      this.violated(`${describe(claim)} was shown at ${claim.seenAt}, and acked at ${offset}`);
    }
    claim.fate = 'acked';
    claim.offset = offset;
    const { topic, partition } = claim.stream;
    topic.ends[partition] = Math.max(topic.ends[partition] ?? 0, offset + claim.count);
  }

  /** A consumer was shown `claim`. */
  seen(claim: Claim, offset: number): void {
    if (claim.offset >= 0 && claim.offset !== offset) {
      this.violated(`${describe(claim)} is at ${claim.offset}, and was shown at ${offset}`);
    }
    if (claim.seenAt >= 0 && claim.seenAt !== offset) {
      this.violated(`${describe(claim)} was shown at ${claim.seenAt} and at ${offset}`);
    }
    claim.seenAt = offset;
  }

  /** @throws with all that was violated since the last call. */
  assertKept(): void {
    const all = this.violations.splice(0);
    if (all.length > 0) throw new Error(`${all.length} broken promises:\n  ${all.join('\n  ')}`);
  }
}

export function describe({ stream, first, count, fate }: Claim): string {
  const kind = stream.isIdempotent ? 'idempotent' : 'plain';
  const place = `${stream.topic.name}/${stream.partition}`;
  return `${fate} batch [${first}, ${first + count}) of ${kind} stream ${stream.id} on ${place}`;
}
