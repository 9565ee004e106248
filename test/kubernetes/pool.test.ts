/**
 * A pool on a real Kubernetes API with its controllers; the pods are real ASR worker processes. The scaler runs with the
 * rights of infra/kubernetes/role.yaml.
 */
import { AuthorizationV1Api, CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pool } from '../../gateway/rest/pool-schemas.ts';
import { KubernetesCluster, POOL_LABEL } from '../../infra/cluster/kubernetes.ts';
import { Caller, noise } from '../harness/caller.ts';
import { expectWhole } from '../harness/invariants.ts';
import { BROKEN, Kubelet, NAMESPACE } from '../harness/kubernetes/kubelet.ts';
import { SCALER, startKubernetes } from '../harness/kubernetes/servers.ts';
import type { ControlPlane } from '../harness/kubernetes/servers.ts';
import { System } from '../harness/system.ts';
import { until } from '../harness/until.ts';

const SEGMENT_MS = 400;
/** One pool for each test, so that none sees what another left. */
const MODELS = ['grow', 'deleted', 'evicted', 'burst', 'broken', 'away', 'hand'];
const scripted = { engine: 'scripted', segmentMs: SEGMENT_MS };
const PATIENCE_MS = 60_000;
/** What the log says, once each, of a platform that goes away and comes back. */
const [AWAY, BACK] = ['the pool cannot be scaled at present', 'the pool can be scaled again'];

const plane = await startKubernetes('pools');
const describeHere = plane === null ? describe.skip : describe;

describeHere('a pool on Kubernetes', () => {
  let system: System;
  let kubelet: Kubelet;
  let folder: string;
  const control = plane as ControlPlane;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longhand-pools-'));
    const file = join(folder, 'policies.json');
    await writeFile(file, JSON.stringify(policies()));
    system = await System.start({
      models: Object.fromEntries(MODELS.map((model) => [model, scripted])),
      workers: 0,
      settings: {
        LONGHAND_CLUSTER: 'kubernetes',
        LONGHAND_KUBECONFIG: control.kubeconfig(SCALER),
        LONGHAND_KUBERNETES_NAMESPACE: NAMESPACE,
        LONGHAND_PLATFORM_DEADLINE_MS: '2000',
        LONGHAND_SLOTS: '1',
        LONGHAND_SCALING_FILE: file,
        LONGHAND_SCALING_TICK_MS: '1000',
        LONGHAND_WORKER_SILENCE_MS: '5000',
      },
    });
    kubelet = new Kubelet(control, system);
    await kubelet.begin();
  }, 120_000);
  afterAll(async () => {
    await kubelet.stop();
    await system.stop();
    await control.stop();
    await rm(folder, { recursive: true, force: true });
  }, 60_000);

  const pool = async (model: string): Promise<Pool> => (await system.json(`/v1/pools/${model}`)) as Pool;
  const replicas = (model: string, wanted: number): Promise<number> =>
    until(
      `${model} has ${wanted} replicas`,
      () => kubelet.replicas(model),
      (seen) => seen === wanted,
      PATIENCE_MS,
    );
  const ready = (model: string, wanted: number): Promise<Pool> =>
    until(
      `${model} has ${wanted} workers`,
      () => pool(model),
      ({ observed }) => observed !== null && observed.workers.idle + observed.workers.busy === wanted,
      PATIENCE_MS,
    );

  async function call(model: string, session: string, ms: number) {
    const audio = noise(session, ms);
    const caller = await new Caller(system.url, { session, parameters: { model }, audio }).call();
    const whole = async () => {
      await caller.done();
      await expectWhole(system, caller, audio, SEGMENT_MS);
    };
    return { caller, audio, whole };
  }

  const podOf = async (session: string): Promise<string> => {
    const { lease } = (await system.json(`/v1/sessions/${session}`)) as { lease: { workerId: string } };
    const { workers } = (await system.json('/v1/workers')) as { workers: { id: string; host: string }[] };
    return workers.find(({ id }) => id === lease.workerId)?.host ?? '';
  };

  test('sessions that find no free slot get workers; when they have ended, idle pods go, and none is cut', async () => {
    await kubelet.deploy('grow', 1);
    await ready('grow', 1);
    const calls = await Promise.all([1, 2, 3].map((n) => call('grow', `grow-${n}`, 60_000)));
    // Three busy ones, and one more for who comes next.
    await replicas('grow', 4);
    await Promise.all(calls.map(({ whole }) => whole()));
    await replicas('grow', 1);
    await until(
      'one pod is left',
      () => kubelet.pods('grow'),
      ({ length }) => length === 1,
      PATIENCE_MS,
    );
    const { decisions } = await pool('grow');
    expect(decisions.map(({ target }) => target)).toEqual(expect.arrayContaining([1, 4]));
    expect(decisions.every(({ sentence }) => sentence.length > 10)).toBe(true);
  }, 180_000);

  test('the pod of a busy worker is deleted: its caller loses nothing and does not notice', async () => {
    await kubelet.deploy('deleted', 2);
    await ready('deleted', 2);
    const { caller, whole } = await call('deleted', 'deleted-1', 10_000);
    await caller.midSentenceAfter(1);
    await kubelet.core.deleteNamespacedPod({ name: await podOf('deleted-1'), namespace: NAMESPACE });
    await whole();
    expect(caller.reconnects).toBe(0);
    expect(((await system.json('/v1/sessions/deleted-1')) as { epoch: number }).epoch).toBeGreaterThan(1);
  }, 120_000);

  test('a pod is evicted in mid-call, as by a node that is drained: its caller loses nothing', async () => {
    await kubelet.deploy('evicted', 2);
    await ready('evicted', 2);
    const { caller, whole } = await call('evicted', 'evicted-1', 10_000);
    await caller.midSentenceAfter(1);
    const name = await podOf('evicted-1');
    await kubelet.core.createNamespacedPodEviction({ name, namespace: NAMESPACE, body: { metadata: { name } } });
    await whole();
    expect(caller.reconnects).toBe(0);
  }, 120_000);

  test('beyond the standing workers there are burst workers, each a Job that ends after one session', async () => {
    await kubelet.deploy('burst', 1);
    await ready('burst', 1);
    const calls = await Promise.all([1, 2].map((n) => call('burst', `burst-${n}`, 40_000)));
    const namespace = NAMESPACE;
    const jobs = async () =>
      (await kubelet.batch.listNamespacedJob({ namespace, labelSelector: `${POOL_LABEL}=burst` })).items.map(
        ({ status }) => status?.succeeded ?? 0,
      );
    await until('there are Jobs', jobs, ({ length }) => length > 0, PATIENCE_MS);
    await Promise.all(calls.map(({ whole }) => whole()));
    expect(await kubelet.replicas('burst')).toBe(1);
    await until('the Job that served has ended', jobs, (all) => all.includes(1), PATIENCE_MS);
  }, 180_000);

  test('pods that never become ready are said to fail, once, and no more are asked for than the maximum', async () => {
    await kubelet.deploy('broken', 1, { [BROKEN]: '' });
    const caller = await new Caller(system.url, {
      session: 'broken-1',
      parameters: { model: 'broken' },
      audio: noise('b', 400),
    }).call();
    const failed = (seen: Pool) =>
      seen.decisions.filter(({ notices }) => notices.some(({ kind }) => kind === 'scaleFailed')).length;
    await until(
      'it is said',
      () => pool('broken'),
      (seen) => failed(seen) === 1,
      PATIENCE_MS,
    );
    await system.json('/v1/pools');
    expect(await kubelet.replicas('broken')).toBeLessThanOrEqual(4);
    expect(failed(await pool('broken'))).toBe(1);
    caller.client.close();
  }, 120_000);

  test('the API server is away for a minute: sessions go on, the pool says so, and scales again once it is back', async () => {
    await kubelet.deploy('away', 1);
    await ready('away', 1);
    const said = async (words: string): Promise<number> => {
      const lines = (await system.orchestrator.log()).split('\n');
      return lines.filter((line) => line.includes(words) && line.includes('"model":"away"')).length;
    };
    const { caller, whole } = await call('away', 'away-1', 170_000);
    await replicas('away', 2);
    await until(
      'no fault is left',
      () => pool('away'),
      ({ fault }) => fault === null,
      PATIENCE_MS,
    );
    const before = { away: await said(AWAY), back: await said(BACK) };
    await control.stopApi();
    const goneAtMs = performance.now();
    await until(
      'the fault is said',
      () => pool('away'),
      ({ fault }) => fault !== null,
      PATIENCE_MS,
    );
    // What is spoken in a minute, at twice the speed of speech.
    await caller.midSentenceAfter(caller.finals.length + (2 * 60_000) / SEGMENT_MS);
    expect(performance.now() - goneAtMs).toBeGreaterThan(59_000);
    expect((await pool('away')).fault).not.toBeNull();
    await control.startApi();
    await until(
      'the fault is over',
      () => pool('away'),
      ({ fault }) => fault === null,
      PATIENCE_MS,
    );
    expect({ away: await said(AWAY), back: await said(BACK) }).toEqual({
      away: before.away + 1,
      back: before.back + 1,
    });
    expect(await system.orchestrator.log()).not.toContain('Activity failed');
    await whole();
    expect(caller.reconnects).toBe(0);
    await replicas('away', 1);
  }, 300_000);

  test('a Deployment that is scaled by hand is noticed, said once, and set right once', async () => {
    await kubelet.deploy('hand', 1);
    await ready('hand', 1);
    const name = 'longhand-asr-hand';
    const scale = await kubelet.apps.readNamespacedDeploymentScale({ name, namespace: NAMESPACE });
    const body = { ...scale, spec: { replicas: 3 } };
    await kubelet.apps.replaceNamespacedDeploymentScale({ name, namespace: NAMESPACE, body });
    const drift = (seen: Pool) =>
      seen.decisions.filter(({ notices }) => notices.some(({ kind }) => kind === 'drift')).length;
    await until(
      'it is said',
      () => pool('hand'),
      (seen) => drift(seen) > 0,
      PATIENCE_MS,
    );
    await replicas('hand', 1);
    expect(drift(await pool('hand'))).toBe(1);
  }, 120_000);

  test('a conflict is answered by looking again: the last wish stands', async () => {
    await kubelet.deploy('conflict', 1, { [BROKEN]: '' });
    const open = () =>
      new KubernetesCluster({
        kubeconfig: control.kubeconfig(SCALER),
        namespace: NAMESPACE,
        deploymentOf: (model) => `longhand-asr-${model}`,
        deadlineMs: 5000,
        burstLifeS: 60,
      });
    const wish = (standing: number, id: string) => ({ standing, leaving: [], sessions: {}, burst: 0, id });
    const rivals = Array.from({ length: 8 }, open);
    await Promise.all(rivals.map((rival, at) => rival.apply('conflict', wish(2 + at, `r${at}`))));
    await open().apply('conflict', wish(3, 'last'));
    expect(await kubelet.replicas('conflict')).toBe(3);
    await expect(open().observe('nowhere')).rejects.toThrow(/^Kubernetes answered 404: .*not found/);
  });

  test('the scaler may do what it does, and nothing else', async () => {
    const config = new KubeConfig();
    config.loadFromFile(control.kubeconfig(SCALER));
    const core = config.makeApiClient(CoreV1Api);
    const refused = [
      () => core.listNamespacedSecret({ namespace: NAMESPACE }),
      () => core.listNamespacedPod({ namespace: 'kube-system' }),
      () => core.listNode(),
      () => core.createNamespacedPod({ namespace: NAMESPACE, body: { metadata: { name: 'x' } } }),
      () => core.createNamespacedConfigMap({ namespace: NAMESPACE, body: { metadata: { name: 'x' } } }),
    ];
    for (const attempt of refused) await expect(attempt()).rejects.toMatchObject({ code: 403 });
    const authorization = config.makeApiClient(AuthorizationV1Api);
    const { status } = await authorization.createSelfSubjectRulesReview({ body: { spec: { namespace: NAMESPACE } } });
    const ours = (status?.resourceRules ?? []).filter(({ apiGroups }) =>
      apiGroups?.every((group) => ['', 'apps', 'batch'].includes(group)),
    );
    const may = ours.flatMap(({ resources = [], verbs }) => resources.map((name) => `${name}: ${verbs.join(', ')}`));
    expect(may.sort()).toEqual([
      'deployments/scale: get, update',
      'deployments: get',
      'jobs: list, create',
      'pods: list, patch, delete',
    ]);
  });
});

function policies(): object {
  const plain = {
    minWorkers: 1,
    maxWorkers: 4,
    slotsPerWorker: 1,
    headroom: { idleSlots: 1, idleShare: 0 },
    backlog: { afterMs: 0 },
    forecast: null,
    startUp: { expectedMs: 2000, failedAfterMs: 120_000 },
    scaleDown: { coolDownMs: 2000, hysteresisShare: 0 },
  };
  return Object.fromEntries(
    MODELS.map((model) => {
      if (model === 'deleted' || model === 'evicted') return [model, { ...plain, minWorkers: 2 }];
      if (model === 'broken') return [model, { ...plain, startUp: { expectedMs: 1000, failedAfterMs: 2000 } }];
      if (model === 'burst') return [model, { ...plain, maxWorkers: 1, burst: { maxWorkers: 2 } }];
      return [model, plain];
    }),
  );
}
