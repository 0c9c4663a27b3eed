/**
 * Random sizes, cuts, holds, retained frames and bodies on connections that share memory: what comes
 * out is what went in, in order, and all memory comes back.
 */

import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { FuzzTarget } from '../../simulation/fuzz-target.ts';
import type { SeededRandom } from '../../simulation/random.ts';
import { frame, HandBody, pattern, World } from './server.fixture.ts';

const runsPerRound = 10;
const size = fc.oneof(
  fc.nat(300),
  fc.integer({ min: 3_900, max: 4_300 }),
  fc.integer({ min: 55_000, max: 70_000 }),
  fc.integer({ min: 250_000, max: 300_000 }),
);
const step = fc.record({
  connection: fc.nat(2),
  command: fc.constantFrom('e', 'e', 'e', 'h'),
  size,
  cut: fc.oneof(fc.nat(20), fc.nat(5_000), fc.nat(100_000)),
  room: fc.constantFrom(0, 1_000, 100_000, 10_000_000),
  releases: fc.nat(3),
  rests: fc.boolean(),
});

/** Bytes of several connections come out as they went in. */
function sharedMemory(dice: SeededRandom): number {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const world = new World();
      world.listen();
      world.protocol.retains = true;
      const ends = [world.accept(), world.accept(), world.accept()];
      const expected: Buffer[][] = [[], [], []];
      const pending: Buffer[][] = [[], [], []];
      for (const [seed, one] of steps.entries()) {
        const end = ends[one.connection];
        assert.ok(end);
        const bytes = frame(one.command, pattern(one.size, seed));
        expected[one.connection]?.push(bytes);
        pending[one.connection]?.push(bytes);
        const stream = Buffer.concat(pending[one.connection] ?? []);
        end.socket.receive(stream.subarray(0, one.cut));
        pending[one.connection] = [stream.subarray(one.cut)];
        if (one.rests) world.scheduler.settle();
        for (const { bytes: range, copy } of end.connection.retained) assert.ok(copy.equals(range));
        for (const { slab } of end.connection.retained.splice(0, one.releases)) slab.release();
        if (end.socket.isBlocked) end.socket.drain(one.room);
        else end.socket.room = one.room;
        if (one.releases > 0) end.connection.link.resume();
      }
      for (const [index, { socket, connection }] of ends.entries()) {
        socket.receive(Buffer.concat(pending[index] ?? []));
        for (let turn = 0; turn < 200; turn++) {
          connection.link.resume();
          world.scheduler.settle();
          if (socket.isBlocked) socket.drain();
        }
        assert.ok(socket.taken().equals(Buffer.concat(expected[index] ?? [])));
        for (const { slab, bytes, copy } of connection.retained) {
          assert.ok(copy.equals(bytes));
          slab.release();
        }
        socket.close();
      }
      assert.equal(world.server.pool.heldBytes, 0);
      assert.equal(world.server.pool.warmCount, 0);
    }),
    { numRuns: runsPerRound, seed: dice.uint32() },
  );
  return runsPerRound;
}

/** Bodies and bytes leave in the order in which they were staged, through any room. */
function stagedOrder(dice: SeededRandom): number {
  const part = fc.record({
    bytes: fc.nat(3_000),
    body: fc.oneof(fc.constant(0), fc.nat(2_000), fc.nat(400_000)),
    arrives: fc.nat(400_000),
    lsn: fc.constantFrom(0, 0, 1, 2, 3),
    seals: fc.boolean(),
    room: fc.constantFrom(0, 500, 100_000, 10_000_000),
  });
  fc.assert(
    fc.property(fc.array(part, { maxLength: 25 }), (parts) => {
      const world = new World();
      world.listen();
      const { socket, connection } = world.accept();
      const { outbox } = connection.link;
      const expected: Buffer[] = [];
      const bodies: HandBody[] = [];
      for (const [seed, one] of parts.entries()) {
        const bytes = pattern(one.bytes, seed);
        outbox.writer.copy(bytes, 0, bytes.length);
        expected.push(bytes);
        if (one.body > 0) {
          const content = pattern(one.body, seed + 1);
          const body = new HandBody(content, Math.min(one.arrives, content.length));
          outbox.stream(body);
          bodies.push(body);
          expected.push(content);
        }
        if (one.seals) outbox.seal(one.lsn);
        world.scheduler.settle();
        if (socket.isBlocked) socket.drain(one.room);
        else socket.room = one.room;
      }
      outbox.seal(0);
      world.broker.commit(3);
      for (let turn = 0; turn < 200; turn++) {
        for (const body of bodies) body.arrive(Number.MAX_SAFE_INTEGER);
        world.scheduler.settle();
        if (socket.isBlocked) socket.drain();
      }
      assert.ok(socket.taken().equals(Buffer.concat(expected)));
      assert.ok(outbox.isFull === false);
      assert.ok(bodies.every(({ releases }) => releases === 1));
      assert.equal(world.server.pool.heldBytes, 0);
    }),
    { numRuns: runsPerRound, seed: dice.uint32() },
  );
  return runsPerRound;
}

export const targets: readonly FuzzTarget[] = [
  { name: 'server receive buffers', round: sharedMemory },
  { name: 'server outbox', round: stagedOrder },
];
