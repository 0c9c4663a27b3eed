/**
 * Fetch sessions: what a consumer asks for stays here, and it only sends what changes [KIP-227].
 *
 *   id 0, epoch -1   no session, all is in the request      id n, epoch -1   close n
 *   id 0, epoch 0    begin one, all is in the request       id n, epoch e    the next of session n
 *
 * Owns: sessions of one broker, their epochs, who has to go when there are too many.
 * Invariant: at most `sessionsMax`; a session in use is evicted only after it has been idle.
 */
import type { Clock } from '../../kernel/ports.ts';
import type { FetchTarget } from './fetch-target.ts';

const sessionsMax = 1000;
const evictableAfterMs = 120_000;
const targetsMax = 100_000;
const epochMax = 0x7fff_ffff;

export class FetchSession {
  readonly id: number;
  /** What the next request must carry. */
  epoch = 1;
  readonly usesTopicIds: boolean;
  /** In the order in which they are served; what was served goes to the end. */
  readonly targets: Map<string, FetchTarget>;
  lastUsedMs: number;

  constructor(id: number, usesTopicIds: boolean, targets: Map<string, FetchTarget>, nowMs: number) {
    this.id = id;
    this.usesTopicIds = usesTopicIds;
    this.targets = targets;
    this.lastUsedMs = nowMs;
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

  constructor(clock: Clock, random: { uint32(): number }) {
    this.#clock = clock;
    this.#random = random;
  }

  get count(): number {
    return this.#sessions.size;
  }

  /** Null: no room; the client goes on without. */
  begin(usesTopicIds: boolean, targets: Map<string, FetchTarget>): FetchSession | null {
    if (targets.size === 0 || targets.size > targetsMax) return null;
    const nowMs = this.#clock.monotonic();
    if (this.#sessions.size >= sessionsMax && !this.#evict(nowMs)) return null;
    let id = 0;
    while (id === 0 || this.#sessions.has(id)) id = this.#random.uint32() >>> 1;
    const session = new FetchSession(id, usesTopicIds, targets, nowMs);
    this.#sessions.set(id, session);
    return session;
  }

  #evict(nowMs: number): boolean {
    for (const session of this.#sessions.values()) {
      if (nowMs - session.lastUsedMs < evictableAfterMs) return false;
      this.#sessions.delete(session.id);
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

  close(id: number): void {
    this.#sessions.delete(id);
  }
}
