/**
 * After a restart: everything that is stored, against everything that was promised.
 *
 * Owns: reading all partitions from end to end, the comparison, and the fate of what was unknown.
 *
 *   offsets without gaps from the log start to the high watermark, leader epochs that do not fall
 *   every acked batch once, at its offset, with its content, unless retention let it go
 *   every batch that was ever shown, where it was shown
 *   no batch that nobody sent, that was refused, or twice
 *   the batches of a stream in order, and of the unknown ones of one run a head without gaps
 */
import { type Batch, readBatches } from './batches.ts';
import { type Claim, type Claims, describe, type Stream, type TopicClaim } from './claims.ts';
import { Connection } from './connection.ts';
import { errors, fetch, listOffsets, metadata, type TopicFacts } from './wire.ts';

/** Shown when there are groups; nobody makes it. */
const internalTopic = '__consumer_offsets';

const FETCH_BYTES = 4 * 1024 * 1024;

export interface VerifyReport {
  readonly batches: number;
  readonly records: number;
  readonly bytes: number;
  /** Batches whose fate was open and that were found, and that were not. */
  readonly kept: number;
  readonly gone: number;
}

let passes = 0;

/** Compares all; what is wrong is noted in `claims`. */
export async function verify(claims: Claims, port: number): Promise<VerifyReport> {
  const connection = await Connection.connect(port);
  try {
    return await new Verification(claims, connection).run();
  } finally {
    await connection.close();
  }
}

class Verification {
  readonly #claims: Claims;
  readonly #connection: Connection;
  readonly #pass = ++passes;
  readonly #totals = { batches: 0, records: 0, bytes: 0, kept: 0, gone: 0 };

  constructor(claims: Claims, connection: Connection) {
    this.#claims = claims;
    this.#connection = connection;
  }

  async run(): Promise<VerifyReport> {
    const facts = await this.#connection.call(metadata.request(), metadata.answer);
    this.#compareTopics(facts);
    for (const topic of [...this.#claims.topics.values()]) {
      if (topic.presence !== 'present') continue;
      for (let partition = 0; partition < topic.partitions; partition++) {
        await this.#readPartition(topic, partition);
      }
    }
    return this.#totals;
  }

  #compareTopics(facts: readonly TopicFacts[]): void {
    const claims = this.#claims;
    const found = new Map(facts.map((fact) => [fact.name, fact]));
    for (const topic of claims.topics.values()) {
      const fact = found.get(topic.name);
      const isThere = fact !== undefined && fact.error === errors.none;
      if (topic.presence === 'unknown') topic.presence = isThere ? 'present' : 'absent';
      if (isThere !== (topic.presence === 'present')) {
        claims.violated(`topic ${topic.name} is ${isThere ? 'there' : 'not there'}`);
      } else if (isThere && fact.partitions !== topic.partitions) {
        claims.violated(
          `topic ${topic.name} has ${fact.partitions} partitions, not ${topic.partitions}`,
        );
      }
    }
    for (const { name } of facts) {
      if (!claims.topics.has(name) && name !== internalTopic)
        claims.violated(`topic ${name} was never created`);
    }
    const epoch = Math.max(0, ...facts.map(({ leaderEpoch }) => leaderEpoch));
    if (facts.length > 0 && epoch <= claims.leaderEpoch) {
      claims.violated(`the leader epoch went from ${claims.leaderEpoch} to ${epoch}`);
    }
    claims.leaderEpoch = Math.max(claims.leaderEpoch, epoch);
  }

  async #readPartition(topic: TopicClaim, partition: number): Promise<void> {
    const place = { topic: topic.name, partition };
    const call = (time: number) =>
      this.#connection.call(listOffsets.request(place, time), listOffsets.answer);
    const start = await call(-2);
    const end = await call(-1);
    const reader = new PartitionReader(this.#claims, topic, partition, this.#pass, this.#totals);
    reader.begin(start, end);
    while (reader.offset < reader.end) {
      const wish = { ...place, offset: reader.offset, maxBytes: FETCH_BYTES };
      const fetched = await this.#connection.call(fetch.request(wish, 0), fetch.answer);
      const from = reader.offset;
      if (fetched.error === errors.none) {
        reader.noteEnd(fetched.highWatermark);
        for (const batch of readBatches(fetched.records)) reader.take(batch);
      }
      if (reader.offset > from) continue;
      if (fetched.error === errors.offsetOutOfRange && isRetained(topic)) {
        // Retention has passed between the question and the read.
        reader.skipTo((await call(-2)).offset);
        if (reader.offset > from) continue;
      }
      this.#claims.violated(
        `${topic.name}/${partition} cannot be read at ${from}, error ${fetched.error}`,
      );
      break;
    }
    reader.finish();
  }
}

function isRetained({ options }: TopicClaim): boolean {
  return 'retention.bytes' in options || 'retention.ms' in options;
}

class PartitionReader {
  offset = 0;
  end = 0;
  readonly #claims: Claims;
  readonly #topic: TopicClaim;
  readonly #partition: number;
  readonly #pass: number;
  readonly #totals: { batches: number; records: number; bytes: number; kept: number; gone: number };
  #start = 0;
  #epoch = 0;
  #bytes = 0;
  /** The last claim found of each stream. */
  readonly #last = new Map<Stream, Claim>();

  constructor(
    claims: Claims,
    topic: TopicClaim,
    partition: number,
    pass: number,
    totals: { batches: number; records: number; bytes: number; kept: number; gone: number },
  ) {
    this.#claims = claims;
    this.#topic = topic;
    this.#partition = partition;
    this.#pass = pass;
    this.#totals = totals;
  }

  #violated(what: string): void {
    this.#claims.violated(`${this.#topic.name}/${this.#partition} ${what}`);
  }

  begin(
    start: { readonly error: number; readonly offset: number },
    end: { readonly error: number; readonly offset: number },
  ): void {
    if (start.error !== errors.none || end.error !== errors.none) {
      this.#violated(`lists no offsets: errors ${start.error} and ${end.error}`);
    }
    this.#start = start.offset;
    this.offset = start.offset;
    this.end = end.offset;
    const { logStarts, ends } = this.#topic;
    const startBefore = logStarts[this.#partition] ?? 0;
    const endBefore = ends[this.#partition] ?? 0;
    if (this.#start < startBefore) this.#violated(`began at ${startBefore}, and at ${this.#start}`);
    if (this.end < endBefore) this.#violated(`ended at ${endBefore}, and now at ${this.end}`);
    if (!isRetained(this.#topic) && this.#start > 0) {
      this.#violated(`begins at ${this.#start} without retention`);
    }
    logStarts[this.#partition] = this.#start;
    ends[this.#partition] = this.end;
  }

  /** The log start is there now. */
  skipTo(offset: number): void {
    if (offset <= this.#start) return;
    this.#start = offset;
    this.offset = Math.max(this.offset, offset);
    this.#topic.logStarts[this.#partition] = offset;
  }

  noteEnd(highWatermark: number): void {
    if (highWatermark !== this.end) {
      this.#violated(`has its high watermark at ${highWatermark} and at ${this.end}`);
    }
  }

  take(batch: Batch): void {
    const { baseOffset, leaderEpoch, count, fault } = batch;
    if (baseOffset + count <= this.#start) return;
    if (fault !== null) this.#violated(`holds ${fault} at ${baseOffset}`);
    if (baseOffset !== this.offset && this.offset !== this.#start) {
      this.#violated(`has a gap from ${this.offset} to ${baseOffset}`);
    }
    if (leaderEpoch < this.#epoch) {
      this.#violated(`has epoch ${leaderEpoch} at ${baseOffset}, after ${this.#epoch}`);
    }
    this.#epoch = leaderEpoch;
    this.offset = baseOffset + Math.max(1, count);
    this.#bytes += batch.bytes;
    this.#totals.batches += 1;
    this.#totals.records += count;
    this.#totals.bytes += batch.bytes;
    if (fault === null) this.#compare(batch);
  }

  #compare({ stream: id, first, count, baseOffset }: Batch): void {
    const stream = this.#claims.streamById(id);
    const claim = stream?.find(first);
    if (stream === undefined || claim === undefined || claim.count !== count) {
      return this.#violated(
        `holds [${first}, ${first + count}) of stream ${id}, which was not sent`,
      );
    }
    const says = describe(claim);
    if (stream.topic !== this.#topic || stream.partition !== this.#partition) {
      return this.#violated(`holds at ${baseOffset} the ${says}`);
    }
    if (claim.foundIn === this.#pass) this.#violated(`holds twice, also at ${baseOffset}: ${says}`);
    claim.foundIn = this.#pass;
    if (claim.offset >= 0 && claim.offset !== baseOffset) {
      this.#violated(`holds at ${baseOffset}, not ${claim.offset}: ${says}`);
    }
    if (claim.seenAt >= 0 && claim.seenAt !== baseOffset) {
      this.#violated(`holds at ${baseOffset}, though it was shown at ${claim.seenAt}: ${says}`);
    }
    if (claim.fate === 'refused' || claim.fate === 'gone') this.#violated(`holds a ${says}`);
    const last = this.#last.get(stream);
    if (last !== undefined && last.first >= first) {
      this.#violated(`is out of order at ${baseOffset}: ${says} after ${describe(last)}`);
    }
    this.#last.set(stream, claim);
    if (claim.fate === 'unknown' || claim.fate === 'sent') {
      claim.fate = 'kept';
      this.#totals.kept += 1;
    }
    claim.offset = baseOffset;
  }

  /** All is read: what is missing? */
  finish(): void {
    for (const stream of this.#topic.streams) {
      if (stream.partition !== this.#partition) continue;
      let goneRun = 0;
      for (const claim of stream.claims) {
        const isFound = claim.foundIn === this.#pass;
        // Where retention moves the start, what looks gone may have been there.
        if (isFound && claim.run === goneRun && claim.fate === 'kept' && this.#start === 0) {
          this.#violated(`lost a batch before ${describe(claim)}`);
        }
        if (!isFound && this.#miss(claim)) goneRun = claim.run;
      }
    }
    const limit = Number(this.#topic.options['retention.bytes'] ?? -1);
    const isBySize = limit >= 0 && !('retention.ms' in this.#topic.options);
    if (this.#start > 0 && isBySize && this.#bytes < limit) {
      this.#violated(`kept ${this.#bytes} bytes, and should keep ${limit}`);
    }
  }

  /** `claim` is not stored. Returns whether its fate was open until now. */
  #miss(claim: Claim): boolean {
    if (claim.seenAt >= this.#start) this.#violated(`showed, and lost, ${describe(claim)}`);
    if (claim.fate === 'acked' || claim.fate === 'kept') {
      if (claim.offset >= this.#start) {
        this.#violated(`lost what was at ${claim.offset}: ${describe(claim)}`);
      } else {
        this.#checkAge(claim);
      }
      return false;
    }
    if (claim.fate === 'refused' || claim.fate === 'gone') return false;
    claim.fate = 'gone';
    this.#totals.gone += 1;
    return true;
  }

  #checkAge(claim: Claim): void {
    const { options } = this.#topic;
    const limit = Number(options['retention.ms'] ?? -1);
    const age = Date.now() - claim.timestamp;
    const isBySize = 'retention.bytes' in options;
    if (!isBySize && age < limit) this.#violated(`let go after ${age} ms ${describe(claim)}`);
  }
}
