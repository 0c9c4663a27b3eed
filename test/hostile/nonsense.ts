/** Requests of every API in every version, with bodies that lie, one after the other on many connections. */

import { Body, keys } from '../../conformance/kafka/wire.ts';
import type { SeededRandom } from '../../simulation/random.ts';
import { anyVersion } from '../../src/protocols/kafka/decoder-target.fuzz.ts';
import { hostileBody } from '../../src/protocols/kafka/hostile-bytes.fuzz.ts';
import type { Attack } from './attack.ts';
import { Peer } from './peer.ts';

const concurrency = 20;
/** A request that may wait is given up after this; one that may not has to be answered long before. */
const patienceMs = 300;
const answerMs = 8_000;

const waiting: ReadonlySet<string> = new Set(['fetch', 'joinGroup', 'syncGroup']);

interface Totals {
  sent: number;
  answered: number;
  closed: number;
  waited: number;
}

export async function nonsense(attack: Attack): Promise<string> {
  const totals: Totals = { sent: 0, answered: 0, closed: 0, waited: 0 };
  const endsAt = Date.now() + attack.seconds * 1_000;
  const workers = Array.from({ length: concurrency }, async (_, i) => {
    const dice = attack.dice.fork(`nonsense ${i}`);
    while (Date.now() < endsAt) await oneConnection(attack.port, dice, totals);
  });
  await Promise.all(workers);
  const { sent, answered, closed, waited } = totals;
  return `${sent} requests: ${answered} answered, ${closed} closed, ${waited} waited or need no answer`;
}

async function oneConnection(port: number, dice: SeededRandom, totals: Totals): Promise<void> {
  const peer = await Peer.connect(port);
  if (peer === null) throw new Error('the connection was refused');
  for (let i = 0; i < 20 && !peer.isClosed; i++) {
    const [api, version] = anyVersion(dice);
    const body = hostileBody(api.request, version, dice);
    totals.sent++;
    peer.send(frameOf(api.key, version, i, body, version >= api.flexibleSince));
    const mayWait = waiting.has(api.name) || api.key === keys.produce;
    const outcome = await withPatience(peer, mayWait ? patienceMs : answerMs);
    totals[outcome]++;
    if (outcome !== 'waited') continue;
    if (!mayWait) {
      const hex = Buffer.from(body).toString('hex').slice(0, 2_000);
      throw new Error(`${api.name} v${version} was not answered: ${hex}`);
    }
    break;
  }
  if (dice.chance(0.5)) peer.reset();
  else peer.close();
}

async function withPatience(peer: Peer, ms: number): Promise<'answered' | 'closed' | 'waited'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'waited'>((resolve) => {
    timer = setTimeout(() => resolve('waited'), ms);
  });
  const answer = peer.answer().then((bytes) => (bytes === null ? 'closed' : 'answered'));
  const outcome = await Promise.race([answer, late]);
  clearTimeout(timer);
  return outcome;
}

function frameOf(
  key: number,
  version: number,
  correlation: number,
  body: Uint8Array,
  isFlexible: boolean,
): Buffer {
  const head = new Body().int16(key).int16(version).int32(correlation).string('evil');
  if (isFlexible) head.int8(0);
  const bytes = Buffer.concat([head.done(), body]);
  return Buffer.concat([new Body().int32(bytes.length).done(), bytes]);
}
