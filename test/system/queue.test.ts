/** All slots busy: nobody is rejected, everybody is told their place, and the order of service is the order of priority. */
import { Caller, noise } from '../harness/caller.ts';
import { expectWhole } from '../harness/invariants.ts';
import { System } from '../harness/system.ts';

const SEGMENT_MS = 400;

let system: System;
beforeAll(async () => {
  system = await System.start({
    models: { en: { engine: 'scripted', segmentMs: SEGMENT_MS } },
    settings: { LONGHAND_SLOTS: '1', LONGHAND_MAX_QUEUE: '2', LONGHAND_WORKER_SILENCE_MS: '5000' },
  });
}, 120_000);
afterAll(() => system.stop(), 30_000);

function caller(session: string, priority: string, ms: number): { caller: Caller; audio: Buffer } {
  const audio = noise(session, ms);
  return { caller: new Caller(system.url, { session, audio, parameters: { priority } }), audio };
}

test('two sessions wait for one slot: told their place, their audio stored, served in order of priority', async () => {
  const talking = caller('talking', 'normal', 12_000);
  const low = caller('waits-low', 'low', 3000);
  const high = caller('waits-high', 'high', 3000);
  const order: string[] = [];
  for (const { caller: each } of [talking, low, high]) {
    each.client.on('started', () => order.push(each.client.session));
  }
  await talking.caller.call();
  await talking.caller.next('started');

  const lowIsSecond = low.caller.next('queued', ({ position }) => position === 2);
  await low.caller.call();
  const highIsFirst = high.caller.next('queued', ({ position }) => position === 1);
  await high.caller.call();
  await Promise.all([lowIsSecond, highIsFirst]);

  const stored = low.audio.length;
  if (low.caller.acks.at(-1) !== stored) await low.caller.next('ack', ({ durableBytes }) => durableBytes === stored);
  expect(order).toEqual(['talking']);

  await Promise.all([talking, low, high].map(({ caller: each }) => each.done()));
  expect(order).toEqual(['talking', 'waits-high', 'waits-low']);
  for (const { caller: each, audio } of [talking, low, high]) await expectWhole(system, each, audio, SEGMENT_MS);
}, 90_000);

test('a session that waits is cancelled without ever having had a worker', async () => {
  const talking = caller('holds-the-slot', 'normal', 6000);
  await talking.caller.call();
  await talking.caller.next('started');
  const waiting = caller('gives-up', 'normal', 6000);
  const queued = waiting.caller.next('queued');
  await waiting.caller.call();
  await queued;
  const answer = await fetch(`${system.httpUrl}/v1/sessions/gives-up/cancel`, { method: 'POST' });
  expect(answer.status).toBe(202);
  expect(await waiting.caller.done()).toMatchObject({ state: 'cancelled', segments: 0 });
  await talking.caller.done();
  await expectWhole(system, talking.caller, talking.audio, SEGMENT_MS);
}, 60_000);

test('above the bound of the queue a new session is refused for now, and one that is there comes in again', async () => {
  const talking = caller('talks', 'normal', 8000);
  await talking.caller.call();
  await talking.caller.next('started');
  const waiting = [caller('waits-1', 'normal', 1000), caller('waits-2', 'normal', 1000)];
  for (const { caller: each } of waiting) {
    const queued = each.next('queued');
    await each.call();
    await queued;
  }
  const late = caller('comes-late', 'normal', 1000);
  const refused = new Promise<string>((resolve) => late.caller.client.once('reconnecting', ({ why }) => resolve(why)));
  const lateCall = late.caller.call();
  expect(await refused).toMatch(/2 sessions wait for a worker of model en/);
  const again = new Caller(system.url, { session: 'waits-1', audio: noise('waits-1', 1000) });
  await again.call();
  await lateCall;
  const others = waiting.slice(1).map(({ caller: each }) => each);
  await Promise.all([talking.caller, ...others, late.caller, again].map((each) => each.done()));
  await expectWhole(system, late.caller, late.audio, SEGMENT_MS);
});
