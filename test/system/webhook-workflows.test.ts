/** Webhooks as workflows, over days, on a Temporal server whose time can be skipped. */
import type { WorkflowHandle } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import { SIGNAL } from '../../workflows/contract.ts';
import type { FileInput } from '../../workflows/contract.ts';
import { ENABLE, NOT_DEAD, SEND_AGAIN } from '../../workflows/webhook/contract.ts';
import type { MessageView } from '../../workflows/webhook/contract.ts';
import { until } from '../harness/until.ts';
import {
  answered,
  delivered,
  ended,
  HOUR,
  liveInput,
  messageOf,
  MINUTE,
  SCHEDULE,
  SECOND,
  target,
  untilState,
  view,
} from '../harness/webhook-messages.ts';
import { staged } from '../harness/staged.ts';
import { untilAborted } from '../harness/workflow-stage.ts';
import type { Cast } from '../harness/workflow-stage.ts';
import { segment } from '../workflows/session/given.ts';

const on = staged('webhooks on a server whose time can be skipped', 's');

const fileInput = (cast: Cast, changes: Partial<FileInput>): FileInput => {
  const { audio, kind, ...spec } = liveInput(cast, target('f'));
  expect([audio.channels, kind]).toEqual([1, 'live']);
  return { ...spec, kind: 'file', fileName: 'talk.wav', uploadId: 'u', uploadBytes: 9, ...changes };
};

const untilAttempted = (message: WorkflowHandle, times: number): Promise<MessageView> =>
  until(
    `it is tried ${times} times`,
    () => view(message),
    (seen) => seen.attempts.length === times,
  );
const sendAgain = (message: WorkflowHandle): Promise<unknown> => message.executeUpdate<unknown, []>(SEND_AGAIN);

on(
  'a receiver that never answers is asked ten times over a day, and can be asked again for 30 days',
  async (here, cast) => {
    cast.delivering = () => answered(500);
    await ended(here, cast, liveInput(cast, target('a')));
    const message = await messageOf(here, cast);
    for (let attempt = 1; attempt <= SCHEDULE.length; attempt += 1) {
      const { nextAttemptAt } = await untilAttempted(message, attempt);
      const restMs = Date.parse(nextAttemptAt ?? '') - (await here.env.currentTimeMs());
      if (restMs > MINUTE) await here.env.sleep(restMs - 30 * SECOND);
      expect(cast.deliveries).toHaveLength(attempt);
      await here.env.sleep(Math.min(restMs, 30 * SECOND) + SECOND);
    }
    const dead = await untilState(message, 'dead');
    expect(dead).toMatchObject({ reason: 'exhausted', nextAttemptAt: null });
    expect(dead.attempts).toHaveLength(10);
    const [first] = dead.attempts.map(({ at }) => Date.parse(at));
    dead.attempts.slice(1).forEach(({ at }, i) => {
      const [due = 0, before = 0] = [SCHEDULE[i], SCHEDULE[i - 1]];
      const offset = Date.parse(at) - (first ?? 0);
      expect(offset).toBeGreaterThanOrEqual(due);
      expect(offset).toBeLessThan(due + (due - before) * 0.1 + 10 * SECOND);
    });
    expect(new Set(cast.deliveries.map((args) => JSON.stringify(args))).size).toBe(1);
    await here.env.sleep(29 * 24 * HOUR);
    cast.delivering = () => answered(204);
    await sendAgain(message);
    expect(await untilState(message, 'delivered')).toMatchObject({ reason: null });
    expect((await message.describe()).status.name).toBe('COMPLETED');
  },
);

on('a session without a receiver tells nobody, and its history says nothing of it', async (here, cast) => {
  cast.stream = () => Promise.resolve({ why: 'end', detail: null });
  const handle = await here.startLive(liveInput(cast));
  await here.result(handle);
  const { events } = await handle.fetchHistory();
  expect(JSON.stringify(events)).not.toMatch(/webhook/i);
  expect(cast.deliveries).toEqual([]);
});

on('a session of many runs tells its end once, and its spans tell nothing', async (here, cast) => {
  cast.stream = async ({ workflowId, lease, nextIndex }) => {
    for (let index = nextIndex; index < 30; index += 1) {
      const commit = { epoch: lease.epoch, segments: [segment(index)], throughByte: (index + 1) * 32_000 };
      if ((await here.commit(workflowId, commit)).rotate) return { why: 'rotate', detail: null };
    }
    return { why: 'end', detail: null };
  };
  const handle = await here.startLive(liveInput(cast, target('c'), { rotateAfterEvents: 30 }));
  expect(await here.result(handle)).toMatchObject({ state: 'completed', segments: 30 });
  expect((await here.runs(handle)).length).toBeGreaterThan(2);
  await untilState(await messageOf(here, cast), 'delivered');
  expect(cast.deliveries).toMatchObject([
    { event: { type: 'session.completed', data: { segments: 30, audioMs: 30_000 } } },
  ]);
});

on('no session waits for its receiver', async (here, cast) => {
  const answer = Promise.withResolvers<undefined>();
  cast.delivering = async () => {
    await answer.promise;
    return answered(204);
  };
  await ended(here, cast, liveInput(cast, target('d')));
  await delivered(cast, 1);
  const message = await messageOf(here, cast);
  expect((await view(message)).state).toBe('pending');
  answer.resolve(undefined);
  await untilState(message, 'delivered');
});

on('a session that Temporal itself cancels tells its end too', async (here, cast) => {
  cast.stream = (_args, cancelled) => untilAborted(cancelled);
  const handle = await here.startLive(liveInput(cast, target('e')));
  await cast.begun(1);
  await handle.cancel();
  expect(await here.result(handle)).toMatchObject({ state: 'cancelled' });
  await delivered(cast, 1);
  expect(cast.deliveries).toMatchObject([{ event: { type: 'session.cancelled' } }]);
});

on('a file is fetched before it is probed; what cannot be fetched fails, and that is told', async (here, cast) => {
  cast.fetched = { ok: false, reason: 'fetch_failed', detail: 'the server answered 404 for the file' };
  const handle = await here.startFile(fileInput(cast, { sourceUrl: 'https://media.example/x.wav' }));
  const ending = { state: 'failed', reason: 'fetch_failed', detail: 'the server answered 404 for the file' };
  expect(await here.result(handle)).toMatchObject(ending);
  expect(cast.fetches).toEqual([
    { ref: { tenant: 't', id: cast.id }, uploadId: 'u', url: 'https://media.example/x.wav' },
  ]);
  await delivered(cast, 1);
  expect(cast.deliveries).toMatchObject([
    {
      event: {
        type: 'session.failed',
        data: { kind: 'file', error: { code: 'fetch_failed' }, links: { transcript: null } },
      },
    },
  ]);
});

on(
  'a file that is cancelled while it is probed tells so, and one that was uploaded is not fetched',
  async (here, cast) => {
    const probing = Promise.withResolvers<undefined>();
    cast.probing = probing.promise;
    const handle = await here.startFile(fileInput(cast, {}));
    await handle.signal(SIGNAL.cancel);
    expect(await here.result(handle)).toMatchObject({ state: 'cancelled' });
    probing.resolve(undefined);
    await delivered(cast, 1);
    expect(cast.deliveries).toMatchObject([{ event: { type: 'session.cancelled' } }]);
    expect(cast.fetches).toEqual([]);
  },
);

on('a receiver that is gone is disabled once, by whichever message, until it is enabled', async (here, cast) => {
  cast.delivering = () => answered(410);
  const other = here.cast('other');
  other.delivering = cast.delivering;
  await Promise.all([
    ended(here, cast, liveInput(cast, target('gone'))),
    ended(here, other, liveInput(other, target('gone'))),
  ]);
  const messages = await Promise.all([messageOf(here, cast), messageOf(here, other)]);
  for (const message of messages) expect((await untilState(message, 'dead')).reason).toBe('gone');
  const receiver = here.client.workflow.getHandle('receiver/t/gone');
  await until(
    'it is disabled',
    () => receiver.describe(),
    ({ status }) => status.name === 'RUNNING',
  );
  await receiver.signal(ENABLE);
  await receiver.result();
  await sendAgain(messages[0]);
  await delivered(cast, 2);
  await until(
    'it is disabled again',
    () => receiver.describe(),
    ({ status }) => status.name === 'RUNNING',
  );
  // Both can be sent again: neither message's workflow has failed.
  for (const message of messages) expect((await message.describe()).status.name).toBe('RUNNING');
});

const STATE = defineSearchAttributeKey('LonghandState', 'KEYWORD');
/** Attempts until it is given up. */
const ROW = 25;

on('only a dead letter is sent again; one that is, again and again, keeps its history short', async (here, cast) => {
  const answer = Promise.withResolvers<undefined>();
  cast.delivering = async () => {
    await answer.promise;
    return answered(500);
  };
  const retryMs = Array.from({ length: ROW - 1 }, (_, i) => i + 1);
  await ended(here, cast, liveInput(cast, target('g', { retryMs })));
  const message = await messageOf(here, cast);
  await expect(sendAgain(message)).rejects.toMatchObject({ cause: { type: NOT_DEAD } });
  answer.resolve(undefined);
  // Not by a query: the test server may answer none whose run continues as new meanwhile, nor end that run.
  const isDead = async (): Promise<boolean> => (await message.describe()).typedSearchAttributes.get(STATE) === 'dead';
  for (let rows = 1; rows <= 9; rows += 1) {
    await until(
      `${rows} rows`,
      async () => (await isDead()) && cast.deliveries.length === rows * ROW,
      (seen) => seen,
    );
    if (rows < 9) await sendAgain(message);
  }
  expect((await view(message)).attempts.map(({ number }) => number)).toEqual(
    Array.from({ length: 50 }, (_, i) => 176 + i),
  );
  const runs = await here.runs(message);
  expect(runs.length).toBeGreaterThan(1);
  for (const { events } of runs) expect(events).toBeLessThan(1100);
});
