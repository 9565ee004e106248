/** A gateway that may open no more files and sockets: who comes is refused cleanly or served whole, who is there goes on. */
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { LiveError } from '../../workers/cli/live-client.ts';
import { Caller, noise } from '../harness/caller.ts';
import { expectWhole } from '../harness/invariants.ts';
import { System } from '../harness/system.ts';

const SEGMENT_MS = 400;
/** What a gateway has open at rest, and a little more. */
const DESCRIPTORS = 96;
/** Descriptors that newcomers find. */
const ROOM = 2;

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

/** Opens more connections than are taken, which say nothing; answers with those that were once one has been refused. */
async function exhaust(): Promise<Socket[]> {
  const idle = Array.from({ length: DESCRIPTORS }, () => connect(system.port, '127.0.0.1'));
  for (const socket of idle) socket.on('error', () => undefined);
  await Promise.race(idle.map((socket) => once(socket, 'close')));
  return idle.filter(({ closed }) => !closed);
}

interface Newcomer {
  readonly caller: Caller;
  readonly audio: Buffer;
  /** Why it was not let in; null: it was. */
  readonly refusal: LiveError | null;
  /** Connections that were refused before. */
  readonly refused: number;
}

async function newcomer(session: string): Promise<Newcomer> {
  const audio = noise(session, 1000);
  const caller = new Caller(system.url, { session, audio, giveUpAfterMs: 1000 });
  let refusal: LiveError | null = null;
  try {
    await caller.call();
  } catch (error) {
    refusal = error as LiveError;
  }
  return { caller, audio, refusal, refused: caller.reconnects };
}

/** One after the other, until one is refused: each that is let in takes what room there is. */
async function untilRefused(): Promise<Newcomer[]> {
  const came: Newcomer[] = [];
  while (came.at(-1)?.refusal == null) came.push(await newcomer(`newcomer-${came.length}`));
  return came;
}

test('a call goes on while no connection can be taken; who comes is refused, or let in and served once some are gone', async () => {
  const audio = noise('crowded', 12_000);
  const caller = new Caller(system.url, { session: 'crowded', audio });
  await caller.call();
  await caller.midSentenceAfter(2);
  const idle = await exhaust();
  const finals = caller.finals.length;
  const goesOn = caller.next('final', () => caller.finals.length > finals + 2);
  // Room for a connection, but hardly for what is stored of it, nor for its worker.
  for (const socket of idle.splice(0, ROOM)) socket.destroy();
  const [came] = await Promise.all([untilRefused(), goesOn]);
  for (const socket of idle) socket.destroy();
  await caller.done();
  expect(caller.reconnects).toBe(0);
  await expectWhole(system, caller, audio, SEGMENT_MS);
  // Its connection is not taken; or it is, in the moment in which a file was closed, and then it is told to come again.
  expect(['unreachable', 'gave_up']).toContain(came.at(-1)?.refusal?.code);
  for (const one of came) {
    expect(one.caller.closes.filter((code) => ![1006, 1013].includes(code))).toEqual([]);
    if (one.refusal !== null) continue;
    await one.caller.done();
    // Once it is let in its connection is kept.
    expect(one.caller.reconnects).toBe(one.refused);
    await expectWhole(system, one.caller, one.audio, SEGMENT_MS);
  }
  const { caller: next, audio: again, refusal } = await newcomer('room-again');
  expect(refusal).toBeNull();
  await next.done();
  await expectWhole(system, next, again, SEGMENT_MS);
  expect((await readdir(`/proc/${system.gateway.pid}/fd`)).length).toBeLessThan(DESCRIPTORS);
}, 90_000);
