/** Bursts of clients: as many come in as find a slot or may wait, whatever Temporal's lists say by then. */
import { connect } from '../harness/sockets.ts';
import type { Opened } from '../harness/sockets.ts';
import { System } from '../harness/system.ts';
import { until } from '../harness/until.ts';

const WORKERS = 2;
const SLOTS = 4;
const QUEUE = 2;
const RAW = 'audio/x-raw,+rate=(int)16000,+format=(string)S16LE,+channels=(int)1';

let system: System;
beforeAll(async () => {
  system = await System.start({
    workers: WORKERS,
    settings: {
      LONGHAND_SLOTS: String(SLOTS / WORKERS),
      LONGHAND_MAX_QUEUE: String(QUEUE),
      LONGHAND_KALDI_STATUS_9: 'true',
    },
  });
  const freeSlots = async (): Promise<number> => {
    const { workers } = (await system.json('/v1/workers')) as { workers: { slots: number; sessions: unknown[] }[] };
    return workers.reduce((sum, { slots, sessions }) => sum + slots - sessions.length, 0);
  };
  await until('all workers are listed', freeSlots, (slots) => slots === SLOTS);
}, 120_000);
afterAll(() => system.stop(), 30_000);

let called = 0;

/** In our words, or in those of the old server. */
const isWelcome = ({ type, status }: { type?: string; status?: number }): boolean => type === 'session' || status === 0;

/** So many clients at once; answers who came in, once each has been answered. */
async function burst(count: number, path = '/v1/live?'): Promise<{ come: Opened[]; codes: number[] }> {
  const clients = await Promise.all(
    Array.from({ length: count }, () => connect(`${system.url}${path}session=burst-${(called += 1)}`)),
  );
  await Promise.all(clients.map(({ inbox }) => inbox.until(() => inbox.messages.length > 0)));
  const come = clients.filter(({ inbox }) => isWelcome(inbox.messages[0] as { type?: string; status?: number }));
  const refused = clients.filter((client) => !come.includes(client));
  const closes = await Promise.all(refused.map(({ inbox }) => inbox.closed));
  return { come, codes: closes.map(({ code }) => code) };
}

async function end(clients: readonly Opened[]): Promise<void> {
  for (const { socket } of clients) socket.send(JSON.stringify({ type: 'end' }));
  await Promise.all(clients.map(({ inbox }) => inbox.next('done')));
}

const started = (clients: readonly Opened[]) => Promise.all(clients.map(({ inbox }) => inbox.next('started')));
const times = (count: number): number[] => new Array<number>(count).fill(1013);

test('with every slot taken exactly as many of a burst wait as may; the others are refused for now', async () => {
  const talking = await burst(SLOTS);
  expect(talking.codes).toEqual([]);
  await started(talking.come);

  const waiting = await burst(10);
  expect([waiting.come.length, waiting.codes]).toEqual([QUEUE, times(10 - QUEUE)]);
  const recognise = await fetch(`${system.httpUrl}/client/dynamic/recognize`, {
    method: 'PUT',
    headers: { 'Content-Type': RAW.replaceAll('+', ' ') },
    body: new Uint8Array(2),
  });
  expect([recognise.status, recognise.headers.get('retry-after')]).toEqual([503, '2']);

  await end(talking.come);
  await started(waiting.come);
  await end(waiting.come);
}, 60_000);

test('of a burst onto free slots as many come in as there are slots and places to wait, at once after the last', async () => {
  for (let round = 0; round < 3; round += 1) {
    const { come, codes } = await burst(12);
    expect([come.length, codes]).toEqual([SLOTS + QUEUE, times(12 - SLOTS - QUEUE)]);
    await end(come);
  }
}, 60_000);

test('a burst of clients of the old server, who may not wait, fills the slots and no more', async () => {
  const { come, codes } = await burst(12, `/client/ws/speech?content-type=${RAW}&`);
  expect([come.length, codes]).toEqual([SLOTS, new Array<number>(12 - SLOTS).fill(1000)]);
}, 60_000);
