/** The network to Temporal fails in every way, for one kind of process or for all: calls go on, finals come later. */
import { setTimeout as pause } from 'node:timers/promises';
import { sessionWorkflowId } from '../../workflows/contract.ts';
import { Caller, noise } from '../harness/caller.ts';
import { expectWhole } from '../harness/invariants.ts';
import { committedCount } from '../harness/session-history.ts';
import { connect } from '../harness/sockets.ts';
import { System } from '../harness/system.ts';
import { delayed, held, sliced, startToxiproxy, trickled } from '../harness/toxiproxy.ts';
import type { Link, Toxiproxy } from '../harness/toxiproxy.ts';
import { until } from '../harness/until.ts';

const SEGMENT_MS = 400;
const DEADLINE_MS = 2500;
/** A worker waits so long for the answer to a commit, then asks again (workers/temporal.ts). */
const COMMIT_DEADLINE_MS = 10_000;
/** What a loaded machine may take on top. */
const SLACK_MS = 2500;

const toxiproxy = await startToxiproxy('a network that fails before Temporal');
const suite = toxiproxy === null ? describe.skip : describe;

suite('on the way to Temporal', () => {
  const network = toxiproxy as Toxiproxy;
  const parts = ['gateway', 'orchestrator', 'asr'] as const;
  type Part = (typeof parts)[number];
  let links: Record<Part, Link>;
  let system: System;
  /** A call that a failed test leaves would go on calling. */
  const callers: Caller[] = [];

  beforeAll(async () => {
    system = await System.start({
      models: { en: { engine: 'scripted', segmentMs: SEGMENT_MS } },
      workers: 2,
      settings: {
        LONGHAND_TEMPORAL_DEADLINE_MS: String(DEADLINE_MS),
        // How quickly a hang is found is shown elsewhere: on a busy machine a healthy worker may be silent for a second.
        LONGHAND_WORKER_SILENCE_MS: '5000',
      },
      ways: async (temporal) => {
        const [gateway, orchestrator, asr] = await Promise.all(parts.map((part) => network.link(part, temporal)));
        links = { gateway, orchestrator, asr } as Record<Part, Link>;
        for (const link of Object.values(links)) await link.endByReset();
        const way = (part: Part) => ({ LONGHAND_TEMPORAL_ADDRESS: links[part].address });
        return { gateway: way('gateway'), orchestrator: way('orchestrator'), asr: way('asr') };
      },
    });
  }, 120_000);
  afterAll(async () => {
    await system.stop();
    await network.stop();
  }, 60_000);
  const heal = () => Promise.all(parts.map((part) => links[part].heal()));
  afterEach(async () => {
    for (const caller of callers.splice(0)) caller.client.close();
    await heal();
  });

  interface Call {
    readonly caller: Caller;
    readonly audio: Buffer;
  }

  async function begun(session: string, ms: number): Promise<Call> {
    const audio = noise(session, ms);
    const caller = await new Caller(system.url, { session, audio }).call();
    callers.push(caller);
    return { caller, audio };
  }

  async function call(session: string, ms: number): Promise<Call> {
    const made = await begun(session, ms);
    await made.caller.midSentenceAfter(1);
    return made;
  }

  /** Its client noticed nothing, no worker was replaced, and the transcript is that of an undisturbed call. */
  async function expectUnmoved({ caller, audio }: Call): Promise<void> {
    await caller.done();
    expect(caller.reconnects).toBe(0);
    expect(caller.started).toBe(1);
    await expectWhole(system, caller, audio, SEGMENT_MS);
  }

  /**
   * Whoever comes as soon as Temporal is back may be told once more that it is not: workflows do not go on before the
   * orchestrator asks for them again, and the SDK's pauses between two polls grow with the time that it was away.
   */
  async function expectWelcome({ caller, audio }: Call): Promise<void> {
    await caller.done();
    expect(caller.closes).toEqual(caller.closes.map(() => 1013));
    expect(caller.reasons).toEqual(caller.reasons.map(() => 'Temporal does not answer: try again later'));
    await expectWhole(system, caller, audio, SEGMENT_MS);
  }

  const readiness = async (): Promise<string> => {
    const answer = await fetch(`${system.httpUrl}/readyz`);
    return `${answer.status} ${await answer.text()}`;
  };

  /** Both kinds of new sessions, and how long each was waited for. */
  async function expectRefused(): Promise<void> {
    const begunMs = performance.now();
    const upload = await fetch(`${system.httpUrl}/v1/sessions`, { method: 'POST', body: noise('upload', 100) });
    expect(upload.status).toBe(503);
    expect(Number(upload.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await upload.json()).toMatchObject({ code: 'temporal_unavailable', retryable: true });
    const { inbox } = await connect(`${system.url}/v1/live`);
    expect(await inbox.next('error')).toMatchObject({ code: 'temporal_unavailable', retryable: true });
    expect((await inbox.closed).code).toBe(1013);
    expect(performance.now() - begunMs).toBeLessThan(3 * DEADLINE_MS + SLACK_MS);
  }

  describe.each([
    { how: 'cut', fail: (link: Link) => link.cut() },
    {
      how: 'silent, both ways',
      fail: (link: Link) => link.poison(held, 'upstream', 'downstream'),
    },
  ])('$how', ({ how, fail }) => {
    test('for all: partials go on and finals wait, new sessions are refused and /readyz says so, then all is well', async () => {
      const session = `all-${how.slice(0, 3)}`;
      const one = await call(session, 14_000);
      await Promise.all(parts.map((part) => fail(links[part])));
      expect(await until('not ready', readiness, (seen) => seen.startsWith('503'))).toMatch('[-]temporal failed');
      const [finals, partials] = [one.caller.finals.length, one.caller.partials];
      await one.caller.next('partial', () => one.caller.partials > partials + 5);
      expect(one.caller.finals).toHaveLength(finals);
      const ref = { tenant: 'default', id: session };
      expect(finals).toBeLessThanOrEqual(await committedCount(system.temporal.address, sessionWorkflowId(ref)));
      await expectRefused();
      await heal();
      await until('ready', readiness, (seen) => seen.startsWith('200'));
      const next = await begun(`${session}-next`, 2000);
      await expectUnmoved(one);
      await expectWelcome(next);
    });

    test.each(parts)('for the %s alone, for 3 s: nothing is lost, repeated or moved', async (part) => {
      const one = await call(`${part}-${how.slice(0, 3)}`, 8000);
      await fail(links[part]);
      const { partials } = one.caller;
      await Promise.all([pause(3000), one.caller.next('partial', () => one.caller.partials > partials + 5)]);
      await links[part].heal();
      await expectUnmoved(one);
    });
  });

  test.each(parts)(
    'the connections of the %s are reset again and again: nothing is lost, repeated or moved',
    async (part) => {
      const one = await call(`${part}-reset`, 6000);
      for (let index = 2; index < 5; index += 1) {
        await links[part].reset();
        await one.caller.midSentenceAfter(index);
      }
      await expectUnmoved(one);
    },
  );

  test('the answers to the asr are held back for longer than a commit is waited for: what is committed is not committed again', async () => {
    const one = await call('answers-held', 28_000);
    await links.asr.poison(held, 'downstream');
    await pause(COMMIT_DEADLINE_MS + 1500);
    const { segments } = (await system.json('/v1/sessions/answers-held')) as { segments: number };
    // Accepted, and the worker does not know it.
    expect(segments).toBeGreaterThan(one.caller.finals.length);
    await heal();
    await expectUnmoved(one);
  });

  test('every way is 150 ms longer, varying by 100 ms: nothing is lost, repeated or moved', async () => {
    for (const part of parts) await links[part].poison(delayed(150, 100), 'upstream', 'downstream');
    await expectUnmoved(await call('delayed', 6000));
  });

  test('every way is a trickle of 16 kB/s in small pieces: nothing is lost, repeated or moved', async () => {
    for (const part of parts) {
      await links[part].poison(trickled(16), 'upstream', 'downstream');
      await links[part].poison(sliced(100, 500), 'upstream', 'downstream');
    }
    await expectUnmoved(await call('trickled', 6000));
  });
});
