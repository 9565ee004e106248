/**
 * A session finds no free slot: how soon the API server of Kubernetes has accepted the request for one more worker. From the
 * moment at which the session's workflow queued it, by its own clock, to the API server's audit log. The API server is a real
 * one; the pool has one worker, and no pod that is asked for beside it ever runs.
 */
import { defineSearchAttributeKey } from '@temporalio/common';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { openClient } from '../../../infra/temporal.ts';
import { sessionWorkflowId } from '../../../workflows/contract.ts';
import { Kubelet, NAMESPACE } from '../../harness/kubernetes/kubelet.ts';
import { SCALER, startKubernetes } from '../../harness/kubernetes/servers.ts';
import type { ControlPlane } from '../../harness/kubernetes/servers.ts';
import type { System } from '../../harness/system.ts';
import { until } from '../../harness/until.ts';
import { othersNote, quiet, watchOthers } from '../cpu.ts';
import { liveUrl, withSystem } from '../installation.ts';
import { seeded } from '../recovery/random.ts';
import { CHUNK_BYTES, Speaker } from '../speaker.ts';
import { shown, summaryOf } from '../statistics.ts';
import type { Row } from '../table.ts';
import type { Pace, Series } from './series.ts';

const MODEL = 'en';
const SESSIONS = 40;
/** Sessions come so far from each other, each time as likely as the others: at every moment of the scaler's rounds. */
const APART_MS = [300, 2500] as const;
const GOAL_MS = 1000;
const QUEUED_AT = defineSearchAttributeKey('LonghandQueuedAt', 'DATETIME');
/** Longer than the series takes. */
const QUIET_MS = 600_000;
/** Each session that waits is one worker more; nothing else asks for any. */
const POLICY = {
  minWorkers: 1,
  maxWorkers: 100,
  slotsPerWorker: 1,
  headroom: null,
  forecast: null,
  backlog: { afterMs: 0 },
};

/** One change of a Deployment's scale that was accepted. */
interface Accepted {
  readonly replicas: number;
  readonly atMs: number;
}

async function accepted(plane: ControlPlane): Promise<Accepted[]> {
  const lines = (await readFile(plane.scaleLog, 'utf8').catch(() => '')).split('\n').slice(0, -1);
  return lines
    .map((line) => JSON.parse(line) as AuditEvent)
    .filter(({ responseStatus }) => responseStatus.code === 200)
    .map(({ requestObject, stageTimestamp }) => ({
      replicas: requestObject.spec.replicas,
      atMs: Date.parse(stageTimestamp),
    }));
}

interface AuditEvent {
  readonly stageTimestamp: string;
  readonly responseStatus: { readonly code: number };
  readonly requestObject: { readonly spec: { readonly replicas: number } };
}

/** Connects and waits for a slot; answers when it was told so. */
async function waitingSession(url: string, session: string): Promise<{ speaker: Speaker; toldAtMs: Promise<number> }> {
  const told = Promise.withResolvers<number>();
  const speaker = new Speaker({
    url: `${url}?session=${session}`,
    audio: Buffer.alloc(CHUNK_BYTES),
    heard: ({ type }) => {
      if (type === 'queued') told.resolve(Date.now());
    },
  });
  speaker.over.catch(told.reject);
  await speaker.ready;
  return { speaker, toldAtMs: told.promise };
}

/** When each session's workflow queued it. */
async function queuedAtMs(system: System, sessions: readonly string[]): Promise<number[]> {
  const client = openClient(system.temporal.address, 'default');
  try {
    return await Promise.all(
      sessions.map(async (session) => {
        const { typedSearchAttributes } = await client.workflow
          .getHandle(sessionWorkflowId({ tenant: 'default', id: session }))
          .describe();
        return typedSearchAttributes.get(QUEUED_AT)?.getTime() ?? NaN;
      }),
    );
  } finally {
    await client.connection.close();
  }
}

async function measure(system: System, plane: ControlPlane, { quick }: Pace): Promise<Row[]> {
  const random = seeded(6);
  const url = liveUrl(system);
  const busy = new Speaker({ url: `${url}?session=busy`, audio: Buffer.alloc(CHUNK_BYTES) });
  await busy.ready;
  await quiet();
  const others = watchOthers();
  const names: string[] = [];
  const told: number[] = [];
  for (let n = 1; n <= (quick ? 10 : SESSIONS); n += 1) {
    const name = `waiting-${n}`;
    const { toldAtMs } = await waitingSession(url, name);
    told.push(await toldAtMs);
    names.push(name);
    // One worker is busy.
    await until(
      `${n + 1} workers are asked for`,
      () => accepted(plane),
      (all) => all.some(({ replicas }) => replicas > n),
    );
    await pause(random.between(...APART_MS));
  }
  const requests = await accepted(plane);
  const queued = await queuedAtMs(system, names);
  const firstFor = (n: number): number => requests.find(({ replicas }) => replicas > n + 1)?.atMs ?? NaN;
  const took = summaryOf(queued.map((atMs, n) => firstFor(n) - atMs));
  const sinceTold = summaryOf(told.map((atMs, n) => firstFor(n) - atMs));
  return [
    {
      what: 'session queued → scale request accepted by Kubernetes, p95',
      measured: `${shown(took.p95)} ms; p50 ${shown(took.p50)}, max ${shown(took.max)}`,
      goal: `≤ ${GOAL_MS} ms`,
      reached: took.p95 <= GOAL_MS,
      note: `${took.n} sessions, a real kube-apiserver; from being told so p95 ${shown(sinceTold.p95)} ms; ${othersNote(others())}`,
    },
  ];
}

async function withPool(plane: ControlPlane, folder: string, pace: Pace): Promise<Row[]> {
  const file = join(folder, 'policies.json');
  await writeFile(file, JSON.stringify({ [MODEL]: POLICY }));
  const settings = {
    LONGHAND_CLUSTER: 'kubernetes',
    LONGHAND_KUBECONFIG: plane.kubeconfig(SCALER),
    LONGHAND_KUBERNETES_NAMESPACE: NAMESPACE,
    LONGHAND_SCALING_FILE: file,
    LONGHAND_SLOTS: '1',
    // Those who wait say nothing, and stay all the same.
    LONGHAND_QUIET_GRACE_MS: String(QUIET_MS),
  };
  return withSystem({ workers: 0, settings }, async (system) => {
    const kubelet = new Kubelet(plane, system);
    await kubelet.begin();
    await kubelet.deploy(MODEL, 1);
    await until(
      'the first worker is ready',
      () => system.json('/v1/workers') as Promise<{ workers: unknown[] }>,
      ({ workers }) => workers.length === 1,
    );
    // The node is full: what is asked for from now on waits for one.
    await kubelet.stop();
    return measure(system, plane, pace);
  });
}

export const scalingRequest: Series = {
  name: 'scaling-request',
  async run(pace) {
    const plane = await startKubernetes('scaling-request');
    if (plane === null) throw new Error('no Kubernetes API server can be had here');
    const folder = await mkdtemp(join(tmpdir(), 'longhand-scaling-request-'));
    try {
      return await withPool(plane, folder, pace);
    } finally {
      await plane.stop();
      await rm(folder, { recursive: true, force: true });
    }
  },
};
