/**
 * `npm run histories -- NAME…`: records the histories of these names into test/histories, from real installations: new paths
 * through the workflows. Without names all are recorded anew: only for a change of the workflows that no session of before is
 * to survive, for otherwise the old histories must replay (workflow.patched).
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fetchRecording } from '../../workers/cli/history/fetch.ts';
import { recordingText } from '../../workers/cli/history/recording.ts';
import type { HistoryEvent, Recording } from '../../workers/cli/history/recording.ts';
import { redacted } from '../../workers/cli/history/redact.ts';
import { openClient } from '../../infra/temporal.ts';
import {
  lanesWorkflowId,
  sessionWorkflowId,
  spanWorkflowId,
  versionWorkflowId,
  workerWorkflowId,
} from '../../workflows/contract.ts';
import { batchWorkflowId } from '../../workflows/batch/contract.ts';
import { eraseBatchWorkflowId, eraseWorkflowId } from '../../workflows/erase/contract.ts';
import { poolWorkflowId } from '../../workflows/pool/contract.ts';
import { RETENTION_WORKFLOW_ID } from '../../workflows/retention/contract.ts';
import { receiverWorkflowId, webhookWorkflowId } from '../../workflows/webhook/contract.ts';
import { Caller, noise } from './caller.ts';
import { postFile, wav } from './files.ts';
import { FileServer } from './file-server.ts';
import { giveWorkers } from './local-parent.ts';
import { connect } from './sockets.ts';
import { System } from './system.ts';
import { WebhookReceiver } from './webhook-receiver.ts';

const folder = join(import.meta.dirname, '../histories');
const chosen = process.argv.slice(2);
/** Few finals: the files stay small. */
const SEGMENT_MS = 800;
const PATIENT = { LONGHAND_WORKER_SILENCE_MS: '5000', LONGHAND_SPAN_MS: '1500', LONGHAND_MAX_PARALLEL_SPANS: '2' };

/** What only says who and when: left out, it makes the files a third smaller and the same on every machine. */
const UNUSED = new Set([
  'taskId',
  'identity',
  'requestId',
  'workerVersion',
  'historySizeBytes',
  'meteringMetadata',
  'eventGroupMarkers',
]);

const slim = (recording: Recording): Recording => ({
  ...recording,
  runs: recording.runs.map((run) => ({ ...run, events: run.events.map((event) => without(event) as HistoryEvent) })),
});

function without(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(without);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => (UNUSED.has(key) ? [] : [[key, without(inner)]])),
  );
}

/** Waits until the workflow has ended and writes its history. */
async function record(system: System, name: string, workflowId: string): Promise<void> {
  const client = openClient(system.temporal.address, 'default');
  await client.workflow
    .getHandle(workflowId)
    .result()
    .catch(() => undefined);
  const recording = slim(redacted(await fetchRecording(client, workflowId)));
  await client.connection.close();
  if (chosen.length > 0 && !chosen.includes(name)) return;
  await writeFile(join(folder, `${name}.json`), recordingText(recording));
  const runs = recording.runs.map((run) => `${run.workflowType} ${run.events.length}`);
  process.stdout.write(`${name}: ${runs.join(', ')}\n`);
}

const recordSession = (system: System, id: string): Promise<void> =>
  record(system, id, sessionWorkflowId({ tenant: 'default', id }));

const send = (system: System, method: string, path: string): Promise<Response> =>
  fetch(`${system.httpUrl}${path}`, { method });

interface Call {
  readonly ms?: number;
  readonly parameters?: Record<string, string>;
}

const call = (system: System, session: string, { ms = 3200, parameters = {} }: Call = {}): Promise<Caller> =>
  new Caller(system.url, { session, audio: noise(session, ms), parameters }).call();

/** How long anything here may take. */
const LIMIT_MS = 30_000;

async function until(system: System, path: string, test: (answer: Record<string, unknown>) => boolean): Promise<void> {
  for (const begunMs = performance.now(); ;) {
    const answer = (await system.json(path)) as Record<string, unknown>;
    if (test(answer)) return;
    if (performance.now() - begunMs > LIMIT_MS) throw new Error(`${path} stays ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const untilState = (system: System, id: string, state: string): Promise<void> =>
  until(system, `/v1/sessions/${id}`, (session) => session['state'] === state);

// ---- live sessions

async function undisturbed(system: System): Promise<void> {
  await (await call(system, 'live-undisturbed')).done();
  await recordSession(system, 'live-undisturbed');
}

async function handedOver(system: System): Promise<void> {
  const caller = await call(system, 'live-handed-over', { ms: 4000 });
  await caller.midSentenceAfter(1);
  await send(system, 'POST', '/v1/sessions/live-handed-over/handover');
  await caller.done();
  await recordSession(system, 'live-handed-over');
}

async function workerLost(system: System): Promise<void> {
  const caller = await call(system, 'live-worker-lost', { ms: 4000 });
  await caller.midSentenceAfter(1);
  const worker = await system.workerOf('live-worker-lost');
  await worker.kill();
  await caller.done();
  await recordSession(system, 'live-worker-lost');
  await record(system, 'worker-lost', workerWorkflowId(String(worker.ready['workerId'])));
}

async function gatewayKilled(system: System): Promise<void> {
  const caller = await call(system, 'live-gateway-killed', { ms: 4000 });
  await caller.midSentenceAfter(1);
  await system.gateway.kill();
  await system.restartGateway();
  await caller.done();
  await recordSession(system, 'live-gateway-killed');
}

/** A client away for longer than the grace: the slot is given back, and asked for again when it returns. */
async function away(system: System): Promise<void> {
  const caller = await call(system, 'live-away');
  await caller.midSentenceAfter(1);
  caller.client.close();
  await untilState(system, 'live-away', 'idle');
  await (await call(system, 'live-away')).done();
  await recordSession(system, 'live-away');
}

async function expired(system: System): Promise<void> {
  const caller = await call(system, 'live-expired');
  await caller.midSentenceAfter(1);
  caller.client.close();
  await recordSession(system, 'live-expired');
}

async function cancelled(system: System): Promise<void> {
  const caller = await call(system, 'live-cancelled');
  await caller.midSentenceAfter(0);
  await send(system, 'POST', '/v1/sessions/live-cancelled/cancel');
  await caller.done();
  await recordSession(system, 'live-cancelled');
}

async function engineFailed(system: System, failFile: string): Promise<void> {
  const caller = await call(system, 'live-engine-failed', { parameters: { model: 'failing' } });
  await caller.midSentenceAfter(0);
  await writeFile(failFile, '');
  await caller.done().catch(() => undefined);
  await recordSession(system, 'live-engine-failed');
  await rm(failFile);
}

/** Speech of which no text came: transcribed again by a span of its own. */
async function repaired(system: System): Promise<void> {
  await (await call(system, 'live-repaired', { parameters: { model: 'unheard' } })).done();
  await recordSession(system, 'live-repaired');
  await record(system, 'span-repaired', spanWorkflowId({ tenant: 'default', id: 'live-repaired' }, 0));
}

/** Audio at which recognisers fail, passed over. */
async function passedOver(system: System): Promise<void> {
  const caller = await call(system, 'live-passed-over', { ms: 2400, parameters: { model: 'poison' } });
  await caller.done();
  await recordSession(system, 'live-passed-over');
}

/** A client that is there and sends nothing for longer than the grace. */
async function quiet(system: System): Promise<void> {
  const audio = noise('live-quiet', 1600);
  const caller = new Caller(system.url, { session: 'live-quiet', audio });
  caller.client.connect();
  await caller.next('session');
  caller.client.send(audio.subarray(0, audio.length / 2));
  await untilState(system, 'live-quiet', 'idle');
  caller.client.send(audio.subarray(audio.length / 2));
  caller.client.end();
  await caller.done();
  await recordSession(system, 'live-quiet');
}

async function cancelledByTemporal(system: System): Promise<void> {
  const caller = await call(system, 'live-cancelled-by-temporal');
  await caller.midSentenceAfter(0);
  const client = openClient(system.temporal.address, 'default');
  await client.workflow.getHandle(sessionWorkflowId({ tenant: 'default', id: 'live-cancelled-by-temporal' })).cancel();
  await client.connection.close();
  await caller.done();
  await recordSession(system, 'live-cancelled-by-temporal');
}

async function queued(system: System): Promise<void> {
  const first = await call(system, 'first', { ms: 1600 });
  await first.midSentenceAfter(0);
  const second = await call(system, 'live-queued', { ms: 1600 });
  await Promise.all([first.done(), second.done()]);
  await recordSession(system, 'live-queued');
}

async function rotated(system: System): Promise<void> {
  await (await call(system, 'live-rotated', { ms: 6400 })).done();
  await recordSession(system, 'live-rotated');
}

// ---- files

async function fileCompleted(system: System): Promise<void> {
  await postFile(system, wav(noise('file-completed', 3000)), '?session=file-completed&filename=talk.wav');
  await recordSession(system, 'file-completed');
}

/** One span: one workflow, and all but its worker's part is done in its tasks. */
async function fileWhole(system: System): Promise<void> {
  await postFile(system, wav(noise('file-whole', 1000)), '?session=file-whole&filename=word.wav');
  await recordSession(system, 'file-whole');
}

async function fileWholeWorkerLost(system: System): Promise<void> {
  await postFile(system, wav(noise('file-whole-worker-lost', 2000)), '?session=file-whole-worker-lost&model=slow');
  await until(system, '/v1/sessions/file-whole-worker-lost', ({ lease }) => lease !== null);
  await (await system.workerOf('file-whole-worker-lost')).kill();
  await system.addWorker({ LONGHAND_MODEL: 'slow' });
  await recordSession(system, 'file-whole-worker-lost');
}

async function fileRefused(system: System): Promise<void> {
  await postFile(system, Uint8Array.from(noise('file-refused', 10)), '?session=file-refused&filename=talk.wav');
  await recordSession(system, 'file-refused');
}

async function fileCancelled(system: System): Promise<void> {
  await postFile(system, wav(noise('file-cancelled', 4500)), '?session=file-cancelled&model=slow');
  await until(
    system,
    '/v1/sessions/file-cancelled',
    ({ spans }) => ((spans as { done: number } | null)?.done ?? 0) >= 1,
  );
  await send(system, 'POST', '/v1/sessions/file-cancelled/cancel');
  await untilState(system, 'file-cancelled', 'cancelled');
  await recordSession(system, 'file-cancelled');
}

/** Two channels, each with spans of its own, in the lanes of the tenant. */
async function fileStereo(system: System): Promise<void> {
  const stereo = wav(noise('file-stereo', 6000));
  new DataView(stereo.buffer).setUint16(22, 2, true);
  new DataView(stereo.buffer).setUint16(32, 4, true);
  await postFile(system, stereo, '?session=file-stereo&channels=separate');
  await recordSession(system, 'file-stereo');
  await (
    await fetch(`${system.httpUrl}/v1/sessions/file-stereo/transcripts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'en' }),
    })
  ).text();
  await record(system, 'file-version', versionWorkflowId({ tenant: 'default', id: 'file-stereo' }, 2));
}

async function fileStopped(system: System): Promise<void> {
  await postFile(system, wav(noise('file-stopped', 6000)), '?session=file-stopped&model=slow');
  const path = '/v1/sessions/file-stopped';
  await until(system, path, ({ spans }) => ((spans as { done: number } | null)?.done ?? 0) >= 1);
  await send(system, 'POST', `${path}/stop`);
  await untilState(system, 'file-stopped', 'stopped');
  await recordSession(system, 'file-stopped');
  await send(system, 'POST', `${path}/restart`);
  await record(system, 'file-restarted', sessionWorkflowId({ tenant: 'default', id: 'file-stopped' }));
}

/** A file whose history is long enough several times over. */
async function fileRotated(system: System): Promise<void> {
  await postFile(system, wav(noise('file-rotated', 30_000)), '?session=file-rotated');
  await recordSession(system, 'file-rotated');
}

// ---- workers

async function workerDrained(system: System): Promise<void> {
  const id = String((await system.addWorker()).ready['workerId']);
  await until(system, '/v1/workers', ({ workers }) => (workers as { id: string }[]).some((worker) => worker.id === id));
  await send(system, 'POST', `/v1/workers/${id}/drain`);
  await until(
    system,
    '/v1/workers',
    ({ workers }) =>
      (workers as { id: string; draining: boolean }[]).find((worker) => worker.id === id)?.draining !== false,
  );
  await system.workers.find(({ ready }) => ready['workerId'] === id)?.kill('SIGTERM');
  await record(system, 'worker-stopped', workerWorkflowId(id));
}

async function recordAll(): Promise<void> {
  const scripted = { engine: 'scripted', segmentMs: SEGMENT_MS };
  const failFile = join(folder, '.fail');
  const system = await System.start({
    models: {
      en: scripted,
      failing: { ...scripted, failFile },
      slow: { ...scripted, realTimeFactor: 0.3 },
      unheard: { ...scripted, unheardMs: [800, 1600] },
      poison: { ...scripted, poisonMs: [800, 1600] },
    },
    workers: 2,
    settings: {
      ...PATIENT,
      LONGHAND_CLIENT_GRACE_MS: '300',
      LONGHAND_QUIET_GRACE_MS: '1000',
      LONGHAND_RESUME_WINDOW_MS: '2500',
    },
  });
  try {
    const models = ['failing', 'slow', 'unheard', 'poison'];
    await Promise.all(models.map((model) => system.addWorker({ LONGHAND_MODEL: model })));
    await undisturbed(system);
    await handedOver(system);
    await gatewayKilled(system);
    await away(system);
    await expired(system);
    await cancelled(system);
    await engineFailed(system, failFile);
    await repaired(system);
    await passedOver(system);
    await quiet(system);
    await cancelledByTemporal(system);
    await fileCompleted(system);
    await fileWhole(system);
    await fileWholeWorkerLost(system);
    await fileRefused(system);
    await fileCancelled(system);
    await fileStereo(system);
    await fileStopped(system);
    await workerDrained(system);
    await workerLost(system);
  } finally {
    await system.stop();
  }
}

/** One slot, short histories, frequent checkpoints. */
async function recordNarrow(): Promise<void> {
  const system = await System.start({
    models: { en: { engine: 'scripted', segmentMs: SEGMENT_MS } },
    settings: { ...PATIENT, LONGHAND_SLOTS: '1', LONGHAND_ROTATE_EVENTS: '30', LONGHAND_CHECKPOINT_SEGMENTS: '3' },
  });
  try {
    await rotated(system);
    await queued(system);
    await fileRotated(system);
    await record(system, 'lanes', lanesWorkflowId('default'));
  } finally {
    await system.stop();
  }
}

const POOL = 'pool-scaled';

/** A pool grows with its sessions and shrinks after them; an operator overrides, bounds, pauses. It never ends by itself. */
async function poolScaled(): Promise<void> {
  const system = await System.start({
    models: { en: { engine: 'scripted', segmentMs: SEGMENT_MS } },
    workers: 0,
    settings: {
      ...PATIENT,
      LONGHAND_CLUSTER: 'parent',
      LONGHAND_SLOTS: '1',
      LONGHAND_WORKERS_MAX: '3',
      LONGHAND_SCALING_TICK_MS: '1000',
      LONGHAND_SCALE_DOWN_MS: '1000',
      LONGHAND_PLATFORM_DEADLINE_MS: '500',
    },
  });
  try {
    // Nobody gives workers at first.
    await until(system, '/v1/pools/en', ({ fault }) => fault !== null);
    giveWorkers(system);
    const has = (wanted: number) => (pool: Record<string, unknown>) => {
      const { workers } = (pool['observed'] ?? {}) as { workers?: { busy: number; idle: number; draining: number } };
      return workers?.draining === 0 && workers.busy + workers.idle === wanted;
    };
    await until(system, '/v1/pools/en', has(1));
    const calls = await Promise.all(['pool-a', 'pool-b'].map((id) => call(system, id, { ms: 16_000 })));
    await until(system, '/v1/pools/en', has(3));
    await Promise.all(calls.map((caller) => caller.done()));
    await until(system, '/v1/pools/en', has(1));
    const put = (path: string, json: object) =>
      fetch(`${system.httpUrl}/v1/pools/en/${path}`, {
        method: 'PUT',
        body: JSON.stringify(json),
        headers: { 'content-type': 'application/json' },
      });
    await put('override', { workers: 2, until: new Date(Date.now() + 600_000).toISOString(), by: 'desk' });
    await put('override', { workers: 99, until: new Date(Date.now() + 600_000).toISOString(), by: 'desk' });
    await until(system, '/v1/pools/en', has(2));
    await send(system, 'DELETE', '/v1/pools/en/override');
    await put('limits', { minWorkers: 1, maxWorkers: 1 });
    await until(system, '/v1/pools/en', has(1));
    await send(system, 'POST', '/v1/pools/en/pause');
    const client = openClient(system.temporal.address, 'default');
    await client.workflow.getHandle(poolWorkflowId('en')).terminate();
    await client.connection.close();
    await record(system, POOL, poolWorkflowId('en'));
  } finally {
    await system.stop();
  }
}

/** Sessions that tell their end, what became of that, and files from an address. */
const TOLD = [
  ...['live-told', 'webhook-delivered', 'webhook-retried', 'webhook-dead', 'receiver-enabled'],
  ...['file-fetched', 'file-fetch-failed'],
  ...['live-followed', 'results-delivered', 'results-dead'],
];

/** The end of a short live session is told to a receiver. Answers the message's id. */
async function told(system: System, receiver: WebhookReceiver, session: string, url: string): Promise<string> {
  await (await call(system, session, { ms: 800, parameters: { webhook: url } })).done();
  const path = new URL(url).pathname;
  const [message] = await receiver.untilAsked(path);
  return message?.id ?? '';
}

async function webhooks(system: System, receiver: WebhookReceiver): Promise<void> {
  const recordMessage = (name: string, id: string) => record(system, name, webhookWorkflowId('default', id));
  await recordMessage('webhook-delivered', await told(system, receiver, 'live-told', receiver.at('/told')));
  await recordSession(system, 'live-told');
  const busy = receiver.at('/busy', (response, times) => {
    const [status, headers] = times === 0 ? [503, { 'retry-after': '1' }] : times === 1 ? [500, {}] : [204, {}];
    response.writeHead(status, headers).end();
  });
  await recordMessage('webhook-retried', await told(system, receiver, 'retried', busy));
  const gone = receiver.at('/gone', (response, times) => void response.writeHead(times === 0 ? 410 : 204).end());
  const dead = await told(system, receiver, 'dead', gone);
  await until(system, '/v1/webhooks/receivers', ({ receivers }) => (receivers as unknown[]).length === 1);
  const { receivers } = (await system.json('/v1/webhooks/receivers')) as { receivers: { id: string }[] };
  const [{ id } = { id: '' }] = receivers;
  await send(system, 'POST', `/v1/webhooks/receivers/${id}/enable`);
  await record(system, 'receiver-enabled', receiverWorkflowId('default', id));
  await send(system, 'POST', `/v1/webhooks/dead-letters/${dead}/send`);
  await recordMessage('webhook-dead', dead);
}

/** A Deepgram client's call, whose results are sent as they come. Answers the message's id. */
async function followed(system: System, session: string, callback: string): Promise<string> {
  const query = new URLSearchParams({ session, callback, encoding: 'linear16', sample_rate: '16000' });
  const { socket, inbox } = await connect(`${system.url}/v1/listen?${query.toString()}`);
  socket.send(noise(session, 2400));
  socket.send(JSON.stringify({ type: 'CloseStream' }));
  await inbox.closed;
  const { webhooks: sent } = (await system.json('/v1/webhooks')) as { webhooks: { id: string; session: string }[] };
  return sent.find((one) => one.session === session)?.id ?? '';
}

async function results(system: System, receiver: WebhookReceiver): Promise<void> {
  const delivered = await followed(system, 'live-followed', receiver.at('/results'));
  await record(system, 'results-delivered', webhookWorkflowId('default', delivered));
  await recordSession(system, 'live-followed');
  const leaves = receiver.at('/leaves', (response, times) => void response.writeHead(times === 1 ? 410 : 204).end());
  const dead = await followed(system, 'left', leaves);
  await until(system, `/v1/webhooks/${dead}`, ({ state }) => state === 'dead');
  const { receivers } = (await system.json('/v1/webhooks/receivers')) as { receivers: { id: string }[] };
  await send(system, 'POST', `/v1/webhooks/receivers/${receivers[0]?.id ?? ''}/enable`);
  await until(system, '/v1/webhooks/receivers', (answer) => (answer['receivers'] as unknown[]).length === 0);
  await send(system, 'POST', `/v1/webhooks/dead-letters/${dead}/send`);
  await record(system, 'results-dead', webhookWorkflowId('default', dead));
}

async function fetched(system: System): Promise<void> {
  const files = await new FileServer().listen();
  const post = async (session: string, url: string): Promise<void> => {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' } };
    await fetch(`${system.httpUrl}/v1/sessions`, { ...init, body: JSON.stringify({ url, session }) });
    await recordSession(system, session);
  };
  try {
    await post('file-fetched', files.at('/talk.wav', wav(noise('file-fetched', 1200))));
    await post(
      'file-fetch-failed',
      files.at('/missing', (response) => void response.writeHead(404).end()),
    );
  } finally {
    files.close();
  }
}

async function recordTold(): Promise<void> {
  const receiver = await new WebhookReceiver().listen();
  const system = await System.start({
    models: { en: { engine: 'scripted', segmentMs: SEGMENT_MS } },
    settings: {
      ...PATIENT,
      LONGHAND_OUTBOUND_ALLOW: '127.0.0.1',
      LONGHAND_WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 1).toString('base64')}`,
      LONGHAND_WEBHOOK_RETRY_MS: '200,2000,4000',
    },
  });
  try {
    await webhooks(system, receiver);
    await results(system, receiver);
    await fetched(system);
  } finally {
    await system.stop();
    receiver.close();
  }
}

/** Batches, and what is deleted: asked for or due, one session or a batch of them. */
const KEPT = ['batch', 'batch-cancelled', 'erase', 'erase-due', 'erase-batch', 'retention'];

const tenantRef = (id: string) => ({ tenant: 'default', id });

/** What goes on by itself: it is terminated, and its history is as long as it is by then. */
async function recordSoFar(system: System, name: string, workflowId: string): Promise<void> {
  const client = openClient(system.temporal.address, 'default');
  await client.workflow.getHandle(workflowId).terminate();
  await client.connection.close();
  await record(system, name, workflowId);
}

const untilGone = (system: System, path: string): Promise<void> =>
  until(system, path, ({ code }) => code === 'not_found');

async function postBatch(system: System, items: readonly object[]): Promise<string> {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' } };
  const body = JSON.stringify({ name: 'recorded', defaults: { label: ['of:batch'] }, items });
  return ((await (await fetch(`${system.httpUrl}/v1/batches`, { ...init, body })).json()) as { id: string }).id;
}

async function batches(system: System, files: FileServer): Promise<void> {
  const url = files.at('/talk.wav', wav(noise('batch', 800)));
  const missing = files.at('/missing', (response) => void response.writeHead(404).end());
  const whole = await postBatch(system, [{ url }, { url: missing }, { url }, { url }]);
  await record(system, 'batch', batchWorkflowId(tenantRef(whole)));
  const waits = { url, model: 'unserved' };
  const cancelled = await postBatch(system, [{ url }, waits, waits, waits, waits]);
  const path = `/v1/batches/${cancelled}`;
  await until(
    system,
    path,
    ({ counts }) => (counts as { completed: number }).completed === 1 && (counts as { running: number }).running === 2,
  );
  await send(system, 'POST', `${path}/cancel`);
  await record(system, 'batch-cancelled', batchWorkflowId(tenantRef(cancelled)));
  const deleted = await postBatch(system, [{ url }, waits, waits]);
  await until(system, `/v1/batches/${deleted}`, ({ counts }) => (counts as { running: number }).running === 2);
  await send(system, 'DELETE', `/v1/batches/${deleted}`);
  await record(system, 'erase-batch', eraseBatchWorkflowId(tenantRef(deleted)));
}

/** A file is deleted while it waits, and its id taken again: nothing of the new one is looked for. */
async function erased(system: System): Promise<void> {
  const post = () => postFile(system, wav(noise('erased', 800)), '?session=erased&model=unserved');
  await post();
  await send(system, 'DELETE', '/v1/sessions/erased');
  await untilGone(system, '/v1/sessions/erased');
  await post();
  await record(system, 'erase', eraseWorkflowId(tenantRef('erased')));
}

/** A session's time is over; what may have been written late is looked for afterwards. */
async function due(system: System): Promise<void> {
  await (await call(system, 'due', { ms: 800 })).done();
  await untilGone(system, '/v1/sessions/due');
  await recordSoFar(system, 'erase-due', eraseWorkflowId(tenantRef('due')));
  await recordSoFar(system, 'retention', RETENTION_WORKFLOW_ID);
}

async function recordKept(): Promise<void> {
  const files = await new FileServer().listen();
  const scripted = { engine: 'scripted', segmentMs: SEGMENT_MS };
  const system = await System.start({
    models: { en: scripted, unserved: scripted },
    settings: {
      ...PATIENT,
      LONGHAND_OUTBOUND_ALLOW: '127.0.0.1',
      LONGHAND_FETCH_ATTEMPTS: '1',
      LONGHAND_BATCH_SIDE_BY_SIDE: '2',
      LONGHAND_RETENTION_MS: '10000',
      LONGHAND_RETENTION_SWEEP_MS: '2000',
    },
  });
  try {
    await due(system);
    await batches(system, files);
    await erased(system);
  } finally {
    await system.stop();
    files.close();
  }
}

const isChosen = (names: readonly string[]): boolean =>
  chosen.length === 0 || chosen.some((name) => names.includes(name));

if (chosen.length === 0) await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
if (isChosen(TOLD)) await recordTold();
if (isChosen(KEPT)) await recordKept();
if (isChosen([POOL])) await poolScaled();
if (chosen.length === 0 || chosen.some((name) => ![POOL, ...TOLD, ...KEPT].includes(name))) {
  await recordAll();
  await recordNarrow();
}
