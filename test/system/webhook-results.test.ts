/** The results of a live session as they come: its workflow and the one that follows it, between hand-made activities. */
import type { WorkflowHandle } from '@temporalio/client';
import type { LiveInput, StreamOutcome } from '../../workflows/contract.ts';
import { ENABLE, NEWS, SEND_AGAIN, resultsOf } from '../../workflows/webhook/contract.ts';
import type { MessageView } from '../../workflows/webhook/contract.ts';
import { until } from '../harness/until.ts';
import { answered, liveInput, target, untilState, view } from '../harness/webhook-messages.ts';
import { staged } from '../harness/staged.ts';
import { untilAborted } from '../harness/workflow-stage.ts';
import type { Cast, Stage } from '../harness/workflow-stage.ts';
import { segment } from '../workflows/session/given.ts';

const on = staged('results as they come', 's');

const RETRY_MS = [100, 200, 300];
const MESSAGE = `msg_${'a'.repeat(32)}`;

/** A live session whose results are followed. */
class Call {
  readonly here: Stage;
  readonly cast: Cast;
  readonly message: WorkflowHandle;
  readonly #input: LiveInput;
  #stream = Promise.withResolvers<StreamOutcome>();
  #handle: WorkflowHandle | null = null;
  #said = 0;

  constructor(here: Stage, cast: Cast, bounds: Partial<LiveInput['bounds']> = {}) {
    this.here = here;
    this.cast = cast;
    const messageId = `${MESSAGE.slice(0, -cast.id.length)}${cast.id.replaceAll('s', '0')}`;
    const form = { dialect: 'deepgram', method: 'POST', request: { asked: 'so' } } as const;
    const results = { messageId, target: { ...target(`r-${cast.id}`, { retryMs: RETRY_MS }), form } };
    this.#input = { ...liveInput(cast, undefined, bounds), results };
    this.message = here.client.workflow.getHandle(`webhook/t/${messageId}`);
    cast.stream = (_args, cancelled) => Promise.race([this.#stream.promise, untilAborted(cancelled)]);
  }

  get handle(): WorkflowHandle {
    if (this.#handle === null) throw new Error('it has not begun');
    return this.#handle;
  }

  async begin(): Promise<this> {
    this.#handle = await this.here.startLive(this.#input);
    await this.cast.begun(1);
    return this;
  }

  async say(finals = 1): Promise<void> {
    const segments = Array.from({ length: finals }, (_, i) => segment(this.#said + i));
    this.#said += finals;
    const commit = { epoch: 1, segments, throughByte: this.#said * 32_000 };
    const { rotate } = await this.here.commit(this.handle.workflowId, commit);
    if (!rotate) return;
    // The worker lets its session continue as new.
    const streams = this.cast.streams.length;
    this.#stream.resolve({ why: 'rotate', detail: null });
    this.#stream = Promise.withResolvers();
    await this.cast.begun(streams + 1);
  }

  /** Its client is quiet for so long that the worker's slot is given back. */
  async pause(): Promise<void> {
    this.#stream.resolve({ why: 'paused', detail: null });
    await until(
      'it is idle',
      () => this.here.view(this.handle),
      ({ state }) => state === 'idle',
    );
  }

  async end(): Promise<void> {
    this.#stream.resolve({ why: 'end', detail: null });
    await this.here.result(this.handle);
  }

  /** Waits until the receiver has so many. */
  has(results: number): Promise<MessageView> {
    return until(
      `the receiver has ${results}`,
      () => view(this.message),
      (seen) => seen.results === results,
    );
  }
}

/** [told, count] of each time that something was to be sent, and whether the end was known. */
const asked = ({ results }: Cast) => results.map(({ told, count, end }) => [told, count, end !== null]);

on('each final is sent once it is committed, and at last the end, with all that a form needs', async (here, cast) => {
  const call = await new Call(here, cast).begin();
  await call.say();
  await call.has(1);
  await call.say(2);
  const shown = await call.has(3);
  expect(shown).toMatchObject({
    state: 'pending',
    ...{ type: 'session.results', session: cast.id, event: null, nextAttemptAt: null, reason: null },
  });
  await call.end();
  expect(await call.message.result()).toMatchObject({ state: 'delivered', results: 3 });
  expect(asked(cast).slice(0, 2)).toEqual([
    [0, 1, false],
    [1, 3, false],
  ]);
  expect(cast.results.at(-1)).toMatchObject({
    ...{ told: 3, count: 3, ref: { tenant: 't', id: cast.id } },
    end: { state: 'completed', reason: null, audioMs: 3000 },
    target: { form: { request: { asked: 'so' } } },
  });
});

const untilAsked = (cast: Cast, times: number) =>
  until(
    `${times} times something was to be sent`,
    () => cast.results.length,
    (seen) => seen >= times,
  );

on('one that is not received holds the others back, and the session waits for nobody', async (here, cast) => {
  const call = await new Call(here, cast).begin();
  // How many more are received each time, and what the last attempt is answered: each result has the whole schedule.
  const course = [
    [0, 500],
    [0, 500],
    [0, 500],
    [1, 500],
    [0, 500],
    [0, 500],
    [1, 204],
    [2, 204],
  ] as const;
  cast.deliveringResults = async ({ told }) => {
    const [received, status] = course[cast.results.length - 1] ?? [0, 500];
    return { told: told + received, outcome: await answered(status) };
  };
  await call.say(3);
  await call.end();
  // Signals need not come in their order.
  await call.message.signal(NEWS, { count: 1, end: null });
  expect(await call.message.result()).toMatchObject({ state: 'delivered', results: 3 });
  expect(asked(cast).map(([told]) => told)).toEqual([0, 0, 0, 0, 1, 1, 1, 2]);
});

on('what is given up is a dead letter, and sent again it goes on where it stood', async (here, cast) => {
  const call = await new Call(here, cast).begin();
  await call.say(2);
  await call.has(2);
  cast.delivering = () => answered(500);
  await call.say(3);
  await call.end();
  await untilAsked(cast, 5);
  expect(await untilState(call.message, 'dead')).toMatchObject({ reason: 'exhausted', results: 2 });
  const before = cast.results.length;
  cast.delivering = () => answered(204);
  await call.message.executeUpdate(SEND_AGAIN);
  expect(await call.message.result()).toMatchObject({ state: 'delivered', results: 5 });
  expect(asked(cast).slice(before)).toEqual([[2, 5, true]]);
});

on('410 disables the receiver; a call goes on, and its results wait', async (here, cast) => {
  const call = await new Call(here, cast).begin();
  cast.delivering = () => answered(410);
  await call.say();
  expect(await untilState(call.message, 'dead')).toMatchObject({ reason: 'gone', results: 0 });
  const receiver = here.client.workflow.getHandle(`receiver/t/r-${cast.id}`);
  expect((await receiver.describe()).status.name).toBe('RUNNING');
  await receiver.signal(ENABLE);
  cast.delivering = () => answered(204);
  await call.message.executeUpdate(SEND_AGAIN);
  await call.say();
  await call.has(2);
  await call.end();
  expect(await call.message.result()).toMatchObject({ state: 'delivered', results: 2 });
});

on('over many runs of the session and of what follows it, each final is sent once', async (here, cast) => {
  const call = await new Call(here, cast, { rotateAfterEvents: 60 }).begin();
  const received: number[] = [];
  cast.deliveringResults = async (args) => {
    for (let index = args.told; index < args.count; index += 1) received.push(index);
    return { told: resultsOf(args), outcome: await answered(204) };
  };
  for (let said = 1; said <= 100; said += 1) {
    await call.say();
    // Not by a query: the test server leaves one unanswered whose run has just ended.
    await until(
      `${said} are received`,
      () => received.length,
      (count) => count === said,
    );
  }
  await call.end();
  expect(await call.message.result()).toMatchObject({ state: 'delivered', results: 100 });
  expect(received).toEqual([...Array(100).keys()]);
  expect((await here.runs(call.message)).length).toBeGreaterThan(1);
  expect((await here.runs(call.handle)).length).toBeGreaterThan(1);
});

on(
  'a session that is terminated says no more: what follows it ends as a dead letter, in the end',
  async (here, cast) => {
    const call = await new Call(here, cast, { maxSessionMs: 2000 }).begin();
    await call.say();
    await call.has(1);
    await call.handle.terminate();
    expect(await untilState(call.message, 'dead')).toMatchObject({ reason: 'unfinished', results: 1 });
  },
);

on('one whose follower was deleted goes on, and ends as ever', async (here, cast) => {
  const call = await new Call(here, cast).begin();
  await call.say();
  await call.has(1);
  await call.message.terminate();
  await call.say();
  await call.end();
  expect(await here.result(call.handle)).toMatchObject({ state: 'completed', segments: 2 });
});
