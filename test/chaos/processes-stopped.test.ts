/** A process that stops without dying, and wakes up when others have taken its place: it is refused, and nothing is lost. */
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { SIGNAL, sessionWorkflowId } from '../../workflows/contract.ts';
import { Caller, noise, undisturbed } from '../harness/caller.ts';
import { expectWhole } from '../harness/invariants.ts';
import type { CallOptions } from '../harness/caller.ts';
import { fetchHistory } from '../harness/session-history.ts';
import { connect } from '../harness/sockets.ts';
import { System } from '../harness/system.ts';
import { until } from '../harness/until.ts';

const SEGMENT_MS = 400;
/** So long that a healthy worker on a busy machine is not silent for it. */
const SILENCE_MS = 3000;
/** So long a session is kept for a client who is away. */
const RESUME_MS = 5000;

let system: System;
beforeAll(async () => {
  system = await System.start({
    models: { en: { engine: 'scripted', segmentMs: SEGMENT_MS } },
    workers: 2,
    settings: {
      LONGHAND_SLOTS: '1',
      LONGHAND_WORKER_SILENCE_MS: String(SILENCE_MS),
      LONGHAND_RESUME_WINDOW_MS: String(RESUME_MS),
    },
  });
}, 120_000);
afterAll(() => system.stop(), 30_000);

interface Call {
  readonly caller: Caller;
  readonly audio: Buffer;
}

function prepared(session: string, ms: number, options: Partial<CallOptions> = {}, url = system.url): Call {
  const audio = noise(session, ms);
  return { caller: new Caller(url, { session, audio, ...options }), audio };
}

async function call(session: string, ms: number, options: Partial<CallOptions> = {}): Promise<Call> {
  const made = prepared(session, ms, options);
  await made.caller.call();
  await made.caller.midSentenceAfter(1);
  return made;
}

const finished = async ({ caller, audio }: Call): Promise<void> => {
  await caller.done();
  await expectWhole(system, caller, audio, SEGMENT_MS);
};

/** How often a session was told that a client of it is gone. */
async function detaches(session: string): Promise<number> {
  const workflowId = sessionWorkflowId({ tenant: 'default', id: session });
  const { runs } = await fetchHistory(system.temporal.address, workflowId);
  const told = runs.flatMap(({ events }) => events.map((event) => event['workflowExecutionSignaledEventAttributes']));
  return told.filter((signal) => (signal as { signalName?: string } | undefined)?.signalName === SIGNAL.detach).length;
}

const epochOf = async (session: string): Promise<number> =>
  ((await system.json(`/v1/sessions/${session}`)) as { epoch: number }).epoch;

describe('a worker', () => {
  test('that stops is replaced; when it wakes up it is refused everywhere, and its slot is free', async () => {
    const moved = await call('worker-stopped', 8000);
    const zombie = await system.workerOf('worker-stopped');
    zombie.signal('SIGSTOP');
    if (moved.caller.started < 2) await moved.caller.next('started');
    expect(await system.workerOf('worker-stopped')).not.toBe(zombie);
    zombie.signal('SIGCONT');
    // The other worker's only slot is taken: whoever comes now is served by the one that woke up.
    const next = await call('after-worker-stopped', 4000);
    expect(await system.workerOf('after-worker-stopped')).toBe(zombie);
    await Promise.all([moved, next].map(finished));
    expect(moved.caller.reconnects).toBe(0);
    expect(await epochOf('worker-stopped')).toBe(2);
  });

  test.each([0.8, 1, 1.2])(
    'that stops for %d times as long as is waited for it, and goes on just then, is replaced or not: nothing is lost',
    async (share) => {
      const session = `worker-stopped-${share}`;
      const made = await call(session, 8000);
      const worker = await system.workerOf(session);
      worker.signal('SIGSTOP');
      await pause(SILENCE_MS * share);
      worker.signal('SIGCONT');
      await finished(made);
      expect(made.caller.reconnects).toBe(0);
    },
  );
});

describe('Temporal', () => {
  test('that stops for 12 s: partials go on, new clients are refused as such, finals follow', async () => {
    const made = await call('temporal-stopped', 20_000, { speed: 1 });
    system.temporal.process.kill('SIGSTOP');
    const late = prepared('temporal-stopped-late', 3000);
    const refused = once(late.caller.client, 'reconnecting') as Promise<[{ code: number; why: string }]>;
    const calling = late.caller.call();
    const [partials, finals] = [made.caller.partials, made.caller.finals.length];
    await pause(12_000);
    expect(made.caller.partials).toBeGreaterThan(partials + 20);
    // One commit may have been on its way.
    expect(made.caller.finals.length).toBeLessThanOrEqual(finals + 1);
    const [{ code, why }] = await refused;
    expect({ code, why }).toEqual({ code: 1013, why: expect.stringMatching(/Temporal/) as string });
    system.temporal.process.kill('SIGCONT');
    await calling;
    await Promise.all([made, late].map(finished));
    expect(made.caller).toMatchObject({ reconnects: 0, started: 1 });
    expect(await epochOf('temporal-stopped')).toBe(1);
  }, 90_000);
});

describe('a gateway', () => {
  test('that stops for longer than it waits for a worker blames nobody for its own silence', async () => {
    const made = await call('gateway-stopped', 8000);
    system.gateway.signal('SIGSTOP');
    await pause(SILENCE_MS + 1000);
    system.gateway.signal('SIGCONT');
    await finished(made);
    expect(made.caller).toMatchObject({ reconnects: 0, started: 1 });
    expect(await epochOf('gateway-stopped')).toBe(1);
  });

  test('that wakes up when its client has gone on through another is refused, and closes what it holds', async () => {
    const other = await system.add('gateway');
    const before = await call('gateway-replaced', 8000);
    const closed = once(before.caller.client, 'error') as Promise<[{ code: string }]>;
    system.gateway.signal('SIGSTOP');
    const url = `ws://127.0.0.1:${Number(other.ready['port'])}`;
    const after = prepared('gateway-replaced', 8000, {}, url);
    await after.caller.call();
    await after.caller.midSentenceAfter(4);
    system.gateway.signal('SIGCONT');
    expect((await closed)[0].code).toBe('superseded');
    await finished(after);
    // The worker followed to the other gateway with its recogniser.
    expect(await epochOf('gateway-replaced')).toBe(1);
  });

  test('that wakes up with a connection that its client has given up long since turns that away, and nobody else', async () => {
    const other = await system.add('gateway');
    const audio = noise('given-up', 2000);
    const query = 'session=given-up&client=phone';
    system.gateway.signal('SIGSTOP');
    const first = connect(`${system.url}/v1/live?${query}&attempt=1`);
    const { socket, inbox } = await connect(`ws://127.0.0.1:${Number(other.ready['port'])}/v1/live?${query}&attempt=2`);
    await inbox.next('session');
    system.gateway.signal('SIGCONT');
    expect((await (await first).inbox.closed).reason).toBe('superseded');
    socket.send(audio);
    socket.send(JSON.stringify({ type: 'end' }));
    expect((await inbox.closed).code).toBe(1000);
    expect(inbox.ofType('final')).toHaveLength((await undisturbed(audio, SEGMENT_MS)).length);
  });

  test('that wakes up and says that its client is gone, who has come back through another, does not end the session', async () => {
    const other = await system.add('gateway');
    const session = 'gone-and-back';
    const audio = noise(session, 20_000);
    const first = await connect(`${system.url}/v1/live?session=${session}`);
    first.socket.send(audio.subarray(0, 32_000));
    await first.inbox.until(() =>
      first.inbox.ofType<{ durableBytes: number }>('ack').some(({ durableBytes }) => durableBytes === 32_000),
    );
    system.gateway.signal('SIGSTOP');
    first.socket.terminate();
    const after = new Caller(`ws://127.0.0.1:${Number(other.ready['port'])}`, { session, audio });
    await after.call();
    await after.midSentenceAfter(2);
    system.gateway.signal('SIGCONT');
    await until(
      'it is said',
      () => detaches(session),
      (said) => said === 1,
    );
    expect(await system.json(`/v1/sessions/${session}`)).toMatchObject({ attached: true });
    // It speaks for longer than a session is kept for a client who is away.
    await finished({ caller: after, audio });
    expect(after.reconnects).toBe(0);
    expect(await epochOf(session)).toBe(1);
  }, 60_000);
});

describe('an orchestrator', () => {
  test('that stops for 3 s delays finals only', async () => {
    const made = await call('orchestrator-stopped', 8000);
    system.orchestrator.signal('SIGSTOP');
    const { partials } = made.caller;
    await pause(3000);
    expect(made.caller.partials).toBeGreaterThan(partials);
    system.orchestrator.signal('SIGCONT');
    await finished(made);
    expect(made.caller).toMatchObject({ reconnects: 0, started: 1 });
  });

  test('that stops for 12 s: new clients are refused as if Temporal did not answer, and come in when it goes on', async () => {
    system.orchestrator.signal('SIGSTOP');
    const late = prepared('orchestrator-stopped-late', 3000);
    const calling = late.caller.call();
    await pause(12_000);
    system.orchestrator.signal('SIGCONT');
    await calling;
    await finished(late);
    // Temporal says it in another way once three workflow tasks have timed out.
    expect(late.caller.closes.length).toBeGreaterThan(3);
    expect(late.caller.closes).toEqual(late.caller.closes.map(() => 1013));
    expect(late.caller.reasons).toEqual(late.caller.reasons.map(() => 'Temporal does not answer: try again later'));
  }, 90_000);

  test('that wakes up when another has taken its sessions over changes nothing', async () => {
    const made = await call('orchestrator-replaced', 8000);
    system.orchestrator.signal('SIGSTOP');
    await system.add('orchestrator');
    const had = made.caller.finals.length;
    await made.caller.next('final', ({ index }) => index > had + 2);
    system.orchestrator.signal('SIGCONT');
    await finished(made);
    expect(made.caller.reconnects).toBe(0);
  }, 120_000);
});
