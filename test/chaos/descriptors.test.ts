/** A gateway that may open no more files and sockets: who comes is refused cleanly, who is there goes on. */
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { Caller, noise } from '../harness/caller.ts';
import { expectWhole } from '../harness/invariants.ts';
import { System } from '../harness/system.ts';

const SEGMENT_MS = 400;
/** What a gateway has open at rest, and a little more. */
const DESCRIPTORS = 96;

let system: System;
beforeAll(async () => {
  system = await System.start({
    models: { en: { engine: 'scripted', segmentMs: SEGMENT_MS } },
    settings: { LONGHAND_ACK_INTERVAL_MS: '100', LONGHAND_WORKER_SILENCE_MS: '5000' },
  });
  await system.gateway.kill();
  await system.restartGateway(DESCRIPTORS);
}, 120_000);
afterAll(() => system.stop(), 60_000);

/** Opens more connections than are taken, which say nothing; answers once one has been refused. */
async function exhaust(): Promise<Socket[]> {
  const idle = Array.from({ length: DESCRIPTORS }, () => connect(system.port, '127.0.0.1'));
  for (const socket of idle) socket.on('error', () => undefined);
  await Promise.race(idle.map((socket) => once(socket, 'close')));
  return idle;
}

test('a call goes on while no connection can be taken, and the next caller comes in once some are gone', async () => {
  const audio = noise('crowded', 12_000);
  const caller = new Caller(system.url, { session: 'crowded', audio });
  await caller.call();
  await caller.midSentenceAfter(2);
  const idle = await exhaust();
  const finals = caller.finals.length;
  // Its connection is not taken; or it is, in the moment in which a file was closed, and then it is told an error.
  const options = { session: 'crowded-out', audio: noise('crowded-out', 1000), giveUpAfterMs: 1000 };
  const refused = expect.stringMatching(/^(unreachable|gave_up)$/) as string;
  await expect(new Caller(system.url, options).call()).rejects.toMatchObject({ code: refused });
  await caller.next('final', () => caller.finals.length > finals + 2);
  for (const socket of idle) socket.destroy();
  await caller.done();
  expect(caller.reconnects).toBe(0);
  await expectWhole(system, caller, audio, SEGMENT_MS);
  const again = noise('room-again', 1000);
  const next = await new Caller(system.url, { session: 'room-again', audio: again }).call();
  await next.done();
  await expectWhole(system, next, again, SEGMENT_MS);
  expect((await readdir(`/proc/${system.gateway.pid}/fd`)).length).toBeLessThan(DESCRIPTORS);
}, 90_000);
