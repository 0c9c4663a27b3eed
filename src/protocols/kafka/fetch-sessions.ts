/**
 * Fetch sessions: what a consumer asks for stays here, and it only sends what changes [KIP-227].
 *
 *   id 0, epoch -1   no session, all is in the request      id n, epoch -1   close n
 *   id 0, epoch 0    begin one, all is in the request       id n, epoch e    the next of session n
 *
 * Owns: sessions of one broker, their epochs, who has to go when there are too many.
 * Invariants: at most `sessionsMax` sessions with `targetsMax` targets each and `allTargetsMax`
 * together; a session in use is evicted only after it has been idle.
 */
import type { Clock } from '../../kernel/ports.ts';
import type { FetchTarget } from './fetch-target.ts';

export const sessionsMax = 1000;
const evictableAfterMs = 120_000;
const targetsMax = 100_000;
const allTargetsMax = 500_000;
const epochMax = 0x7fff_ffff;

export class FetchSession {
  readonly id: number;
  /** What the next request must carry. */
  epoch = 1;
  readonly usesTopicIds: boolean;
  /** In the order in which they are served; what was served goes to the end. */
  readonly targets: Map<string, FetchTarget>;
  lastUsedMs: number;
  /** Its targets as far as they are counted among all. Only for `FetchSessions`. */
  counted: number;

  constructor(id: number, usesTopicIds: boolean, targets: Map<string, FetchTarget>, nowMs: number) {
    this.id = id;
    this.usesTopicIds = usesTopicIds;
    this.targets = targets;
    this.lastUsedMs = nowMs;
    this.counted = targets.size;
  }

  advance(): void {
    this.epoch = this.epoch === epochMax ? 1 : this.epoch + 1;
  }
}

export class FetchSessions {
  readonly #clock: Clock;
  readonly #random: { uint32(): number };
  /** The longest unused first. */
  readonly #sessions = new Map<number, FetchSession>();
  #targetCount = 0;

  constructor(clock: Clock, random: { uint32(): number }) {
    this.#clock = clock;
    this.#random = random;
  }

  get count(): number {
    return this.#sessions.size;
  }

  /** Of all sessions together. */
  get targetCount(): number {
    return this.#targetCount;
  }

  /** Null: no room; the client goes on without. */
  begin(usesTopicIds: boolean, targets: Map<string, FetchTarget>): FetchSession | null {
    const { size } = targets;
    if (size === 0 || size > targetsMax || !areStorable(targets)) return null;
    const nowMs = this.#clock.monotonic();
    while (this.#sessions.size >= sessionsMax || this.#targetCount + size > allTargetsMax) {
      if (!this.#evict(nowMs)) return null;
    }
    let id = 0;
    while (id === 0 || this.#sessions.has(id)) id = this.#random.uint32() >>> 1;
    const session = new FetchSession(id, usesTopicIds, targets, nowMs);
    this.#sessions.set(id, session);
    this.#targetCount += size;
    return session;
  }

  #evict(nowMs: number): boolean {
    for (const session of this.#sessions.values()) {
      if (nowMs - session.lastUsedMs < evictableAfterMs) return false;
      this.close(session.id);
      return true;
    }
    return false;
  }

  find(id: number): FetchSession | undefined {
    const session = this.#sessions.get(id);
    if (session === undefined) return undefined;
    session.lastUsedMs = this.#clock.monotonic();
    this.#sessions.delete(id);
    this.#sessions.set(id, session);
    return session;
  }

  /** To be called when targets were added or taken away. False: it has outgrown its room, and is closed. */
  recount(session: FetchSession): boolean {
    const { size } = session.targets;
    const hasGrown = size > session.counted;
    this.#targetCount += size - session.counted;
    session.counted = size;
    if (!hasGrown) return true;
    const fits = size <= targetsMax && this.#targetCount <= allTargetsMax;
    if (fits && areStorable(session.targets)) return true;
    this.close(session.id);
    return false;
  }

  close(id: number): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    this.#sessions.delete(id);
    this.#targetCount -= session.counted;
  }
}

/** A name that no topic can have is answered, but not kept: it may be of any size. */
function areStorable(targets: ReadonlyMap<string, FetchTarget>): boolean {
  for (const { topic } of targets.values()) if (!topic.isPossible) return false;
  return true;
}
