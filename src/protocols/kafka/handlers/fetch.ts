/**
 * Fetch: plans what there is, answers with it as a stream, or waits until there is enough.
 *
 * One fetch at a time per connection: while it waits the link is held, as in the original. It is looked
 * at again when a partition makes progress, at most once a tick, and answered at the latest after
 * max wait: with what there is, but not with nothing while the index of what there is is being read.
 */
import type { Partition, Watcher } from '../../../broker/index.ts';
import { assert } from '../../../kernel/assert.ts';
import { uuidBytes } from '../../../kernel/bytes.ts';
import type { Timer } from '../../../kernel/ports.ts';
import type { Link } from '../../contract.ts';
import { kafkaErrors } from '../error-codes.ts';
import { toKafkaError } from '../errors.ts';
import { FetchAnswer } from '../fetch-answer.ts';
import { FetchRequest } from '../fetch-request.ts';
import type { FetchSession } from '../fetch-sessions.ts';
import { FetchTarget, type PlannedTarget, TopicRef, targetKey } from '../fetch-target.ts';
import { type PlanStream, PlanStreams } from '../plan-stream.ts';
import type { AnswerHead, ConnectionLife, KafkaRequest } from '../request.ts';
import type { KafkaServices } from '../services.ts';

/** Kafka's default of `fetch.max.bytes` on the broker. */
const answerBytesMax = 55 * 1024 * 1024;
const topicIdSince = 13;
const sessionSince = 7;
/** Nobody waits this long; whoever says so may have gone, unnoticed, and takes a place. */
const waitMsMax = 5 * 60 * 1000;

/** The fetches of one connection. */
export class FetchHandler implements Watcher {
  readonly #services: KafkaServices;
  readonly #link: Link;
  readonly #life: ConnectionLife;
  readonly #fetch = new FetchRequest();
  readonly #answer = new FetchAnswer();
  readonly #streams = new PlanStreams();
  readonly #planned: PlannedTarget[] = [];
  // The fetch at hand; its request's bytes may be gone.
  #head: AnswerHead | null = null;
  #targets: readonly FetchTarget[] = [];
  #session: FetchSession | null = null;
  #isIncremental = false;
  #minBytes = 0;
  #maxBytes = 0;
  #isReadCommitted = false;
  #deadlineMs = 0;
  #timer: Timer | null = null;
  #isParked = false;
  /** What wakes it while it is parked. A target's partition may change meanwhile: a topic is made anew. */
  readonly #watched: Partition[] = [];
  #isLookScheduled = false;
  /** The client, or the broker, is about to leave. */
  #isImpatient = false;
  /** Max wait is over. */
  #isDue = false;
  // Of the last look.
  #isLoading = false;
  #bytes = 0;
  #hasErrors = false;

  constructor(services: KafkaServices, link: Link, life: ConnectionLife) {
    this.#services = services;
    this.#link = link;
    this.#life = life;
  }

  handle({ reader, head }: KafkaRequest): void {
    const fetch = this.#fetch;
    fetch.begin(reader, head.version);
    this.#head = head;
    this.#minBytes = fetch.minBytes;
    this.#maxBytes = Math.min(fetch.maxBytes, answerBytesMax);
    this.#isReadCommitted = fetch.isolationLevel === 1;
    const error = this.#readTargets(reader.bytes);
    if (error !== kafkaErrors.none) {
      return this.#answer.refuse(this.#link, head, error);
    }
    const waitMs = Math.min(Math.max(0, fetch.maxWaitMs), waitMsMax);
    this.#deadlineMs = this.#services.clock.monotonic() + waitMs;
    this.#isDue = waitMs === 0 || this.#isImpatient;
    this.#look();
  }

  /** Sets targets and session from the request; returns the session's error. */
  #readTargets(bytes: Uint8Array): number {
    const { sessionId, sessionEpoch } = this.#fetch;
    const version = this.#head?.version ?? 0;
    const usesTopicIds = version >= topicIdSince;
    const { sessions } = this.#services;
    this.#session = null;
    this.#isIncremental = false;
    if (version < sessionSince || sessionEpoch === 0 || sessionEpoch === -1) {
      if (sessionId !== 0) sessions.close(sessionId);
      const targets = this.#mergeTargets(bytes, new Map());
      if (sessionEpoch === 0) this.#session = sessions.begin(usesTopicIds, targets);
      this.#targets = [...targets.values()];
      return kafkaErrors.none;
    }
    const session = sessions.find(sessionId);
    if (session === undefined) return kafkaErrors.fetchSessionIdNotFound;
    if (session.epoch !== sessionEpoch) return kafkaErrors.invalidFetchSessionEpoch;
    if (session.usesTopicIds !== usesTopicIds) return kafkaErrors.fetchSessionTopicIdError;
    session.advance();
    this.#mergeTargets(bytes, session.targets);
    this.#forgetTargets(bytes, session);
    // A session that has outgrown its room is gone; the client begins again, and goes on without.
    if (!sessions.recount(session)) return kafkaErrors.fetchSessionIdNotFound;
    this.#targets = [...session.targets.values()];
    if (session.targets.size === 0) {
      sessions.close(session.id);
      return kafkaErrors.none;
    }
    this.#session = session;
    this.#isIncremental = true;
    return kafkaErrors.none;
  }

  /** Adds and updates what the request names. */
  #mergeTargets(bytes: Uint8Array, targets: Map<string, FetchTarget>): Map<string, FetchTarget> {
    const fetch = this.#fetch;
    while (fetch.nextTopic()) {
      const topic = topicRefOf(fetch, bytes);
      while (fetch.nextPartition()) {
        const key = targetKey(topic.text, fetch.partition);
        let target = targets.get(key);
        if (target === undefined) {
          target = new FetchTarget(topic, fetch.partition);
          targets.set(key, target);
        }
        target.update(fetch);
      }
    }
    return targets;
  }

  #forgetTargets(bytes: Uint8Array, session: FetchSession): void {
    const fetch = this.#fetch;
    fetch.beginForgotten();
    while (fetch.nextForgottenTopic()) {
      const topic = topicRefOf(fetch, bytes);
      while (fetch.nextForgottenPartition()) {
        session.targets.delete(targetKey(topic.text, fetch.partition));
      }
    }
  }

  /** Plans everything; answers if that is enough, else waits. */
  #look(): void {
    this.#planAll();
    const isEnough = this.#bytes >= Math.max(1, this.#minBytes) || this.#minBytes <= 0;
    const isOver = isEnough || this.#isDue || this.#targets.length === 0;
    const mayGetMore = this.#isLoading && this.#bytes === 0;
    if (this.#hasErrors || (isOver && !mayGetMore)) this.#respond();
    else this.#park();
  }

  #planAll(): void {
    assert(this.#planned.length === 0, 'plans are dropped before new ones are made');
    this.#bytes = 0;
    this.#hasErrors = this.#services.broker.fault !== null;
    this.#isLoading = false;
    for (const target of this.#targets) this.#plan(target);
  }

  #plan(target: FetchTarget): void {
    const { broker } = this.#services;
    const planned: PlannedTarget = { target, stream: null };
    this.#planned.push(planned);
    target.resolve(broker);
    const { partition } = target;
    if (target.error !== kafkaErrors.none || partition === null) {
      this.#hasErrors = true;
      return;
    }
    const room = Math.min(target.maxBytes, this.#maxBytes - this.#bytes);
    if (this.#bytes > 0 && room <= 0) return;
    const stream = this.#streams.take();
    const status = broker.planRead(partition, target.offset, room, stream.plan, this.#onLoaded);
    if (status === 'ready') return this.#keep(planned, stream, room);
    stream.release();
    if (status === 'loading') {
      this.#isLoading = true;
      return;
    }
    target.error = toKafkaError(status);
    this.#hasErrors = true;
  }

  /** The first records of an answer come whatever their size; after that the limits hold. */
  #keep(planned: PlannedTarget, stream: PlanStream, room: number): void {
    const { bytes } = stream.plan;
    if (bytes === 0 || (this.#bytes > 0 && bytes > room)) return stream.release();
    planned.stream = stream;
    this.#bytes += bytes;
  }

  readonly #onLoaded = (): void => this.#scheduleLook();

  #park(): void {
    this.#dropPlans();
    this.#watchTargets();
    if (this.#isParked) return;
    this.#isParked = true;
    const { scheduler, clock } = this.#services;
    const waitMs = Math.max(0, this.#deadlineMs - clock.monotonic());
    this.#timer = scheduler.after(waitMs, () => {
      this.#timer = null;
      this.#isDue = true;
      if (this.#isParked) this.#look();
    });
    this.#link.hold();
  }

  /** None of the targets has an error here, so each has its partition. */
  #watchTargets(): void {
    const watched = this.#watched;
    const isSame = (target: FetchTarget, i: number) => target.partition === watched[i];
    if (watched.length === this.#targets.length && this.#targets.every(isSame)) return;
    this.#unwatchTargets();
    for (const { partition } of this.#targets) {
      assert(partition !== null, 'a fetch does not wait beside an error');
      this.#services.broker.watch(partition, this);
      watched.push(partition);
    }
  }

  #unwatchTargets(): void {
    for (const partition of this.#watched) this.#services.broker.unwatch(partition, this);
    this.#watched.length = 0;
  }

  /** A watched partition has moved. */
  onProgress(): void {
    this.#scheduleLook();
  }

  #scheduleLook(): void {
    if (!this.#isParked || this.#isLookScheduled) return;
    this.#isLookScheduled = true;
    this.#services.scheduler.endOfTick(() => {
      this.#isLookScheduled = false;
      if (this.#isParked && !this.#life.isClosed) this.#look();
    });
  }

  #dropPlans(): void {
    for (const { stream } of this.#planned) stream?.release();
    this.#planned.length = 0;
  }

  #respond(): void {
    assert(this.#head !== null, 'a fetch is answered once');
    const wasParked = this.#isParked;
    this.#unpark();
    const session = this.#session;
    this.#answer.write(this.#link, this.#head, {
      sessionId: session?.id ?? 0,
      planned: this.#planned,
      isIncremental: this.#isIncremental,
      isReadCommitted: this.#isReadCommitted,
      catalogLsn: this.#services.broker.catalogLsn,
    });
    if (session !== null) moveServed(session, this.#planned);
    this.#planned.length = 0;
    this.#head = null;
    if (wasParked) this.#link.resume();
  }

  #unpark(): void {
    if (!this.#isParked) return;
    this.#isParked = false;
    this.#timer?.cancel();
    this.#timer = null;
    this.#unwatchTargets();
  }

  /** Nobody wants to wait any more: a waiting fetch is answered with what there is. */
  finish(): void {
    this.#isImpatient = true;
    if (!this.#isParked) return;
    this.#planAll();
    this.#respond();
  }

  /** The connection is gone. */
  close(): void {
    this.#unpark();
    this.#dropPlans();
  }
}

function topicRefOf(fetch: FetchRequest, bytes: Uint8Array): TopicRef {
  const { topicIdStart, topicNameStart, topicNameEnd } = fetch;
  if (topicIdStart >= 0) return new TopicRef(bytes, topicIdStart, topicIdStart + uuidBytes, true);
  return new TopicRef(bytes, topicNameStart, topicNameEnd, false);
}

/** What got records goes to the end, so that a busy partition does not starve the others. */
function moveServed(session: FetchSession, planned: readonly PlannedTarget[]): void {
  for (const { target, stream } of planned) {
    if (stream === null || !session.targets.delete(target.key)) continue;
    session.targets.set(target.key, target);
  }
}
