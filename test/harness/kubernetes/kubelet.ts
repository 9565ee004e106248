/** Stands in for a node: for each pod it starts a real ASR worker process, and tells the API server how that goes. */
import {
  ApiException,
  AppsV1Api,
  BatchV1Api,
  CoreV1Api,
  KubeConfig,
  RbacAuthorizationV1Api,
  setHeaderOptions,
} from '@kubernetes/client-node';
import type { V1Pod, V1PodTemplateSpec } from '@kubernetes/client-node';
import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { parseAllDocuments } from 'yaml';
import type { Part, System } from '../system.ts';
import { ADMIN } from './servers.ts';
import type { ControlPlane } from './servers.ts';

export const NAMESPACE = 'longhand';
const NODE = 'here';
const EVERY_MS = 100;
const STRATEGIC = setHeaderOptions('Content-Type', 'application/strategic-merge-patch+json');
/** A pod with this annotation is never started: its image cannot be pulled. */
export const BROKEN = 'test/broken';

type Pod = { readonly name: string; part: Promise<Part> | null; over: boolean };

export class Kubelet {
  readonly core: CoreV1Api;
  readonly apps: AppsV1Api;
  readonly batch: BatchV1Api;
  readonly #rbac: RbacAuthorizationV1Api;
  readonly #system: System;
  readonly #pods = new Map<string, Pod>();
  readonly #stop = new AbortController();
  /** Names of pods in the order in which they were first seen. */
  readonly seen: string[] = [];
  #running: Promise<void> = Promise.resolve();

  constructor(plane: ControlPlane, system: System) {
    const config = new KubeConfig();
    config.loadFromFile(plane.kubeconfig(ADMIN));
    this.core = config.makeApiClient(CoreV1Api);
    this.apps = config.makeApiClient(AppsV1Api);
    this.batch = config.makeApiClient(BatchV1Api);
    this.#rbac = config.makeApiClient(RbacAuthorizationV1Api);
    this.#system = system;
  }

  /** Makes the namespace with what infra/kubernetes/ installs, and the node; then runs until {@link stop}. */
  async begin(): Promise<void> {
    await this.core.createNamespace({ body: { metadata: { name: NAMESPACE } } });
    const config = new URL('../../../infra/kubernetes/role.yaml', import.meta.url);
    for (const document of parseAllDocuments(await readFile(config, 'utf8'))) await this.#install(document.toJS());
    await this.core.createNode({ body: { metadata: { name: NODE } } });
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** A pool's Deployment, as a chart would make it. */
  async deploy(model: string, replicas: number, annotations: Record<string, string> = {}): Promise<void> {
    const name = `longhand-asr-${model}`;
    const labels = { app: name };
    const template: V1PodTemplateSpec = {
      metadata: { labels, annotations },
      spec: {
        terminationGracePeriodSeconds: 30,
        containers: [
          {
            name: 'asr',
            image: 'longhand',
            env: [
              { name: 'LONGHAND_MODEL', value: model },
              { name: 'LONGHAND_POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
            ],
          },
        ],
      },
    };
    const spec = { replicas, selector: { matchLabels: labels }, template };
    await this.apps.createNamespacedDeployment({ namespace: NAMESPACE, body: { metadata: { name }, spec } });
  }

  /** Pods of a model that are there and not on their way out. */
  async pods(model = 'en'): Promise<V1Pod[]> {
    const { items } = await this.core.listNamespacedPod({ namespace: NAMESPACE });
    return items.filter(
      ({ metadata, status }) =>
        metadata?.labels?.['app'] === `longhand-asr-${model}` &&
        metadata.deletionTimestamp === undefined &&
        status?.phase !== 'Failed',
    );
  }

  async replicas(model = 'en'): Promise<number> {
    const name = `longhand-asr-${model}`;
    const { spec } = await this.apps.readNamespacedDeployment({ name, namespace: NAMESPACE });
    return spec?.replicas ?? 0;
  }

  /** The worker process of a pod. */
  async processOf(pod: string): Promise<Part> {
    const part = this.#pods.get(pod)?.part;
    if (!part) throw new Error(`pod ${pod} has no process`);
    return part;
  }

  async #install(document: unknown): Promise<void> {
    const { kind } = document as { kind: string };
    const body = document as never;
    if (kind === 'ServiceAccount') await this.core.createNamespacedServiceAccount({ namespace: NAMESPACE, body });
    else if (kind === 'Role') await this.#rbac.createNamespacedRole({ namespace: NAMESPACE, body });
    else if (kind === 'RoleBinding') await this.#rbac.createNamespacedRoleBinding({ namespace: NAMESPACE, body });
    else throw new Error(`infra/kubernetes/: ${kind} is not known here`);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      // The API server may be away: a node goes on.
      const { items } = await this.core.listNamespacedPod({ namespace: NAMESPACE }).catch(() => ({ items: [] }));
      for (const pod of items) await this.#look(pod).catch(ignoreRaces);
      await pause(EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #look({ metadata, spec, status }: V1Pod): Promise<void> {
    const name = metadata?.name ?? '';
    const pod = this.#pods.get(name) ?? { name, part: null, over: false };
    if (!this.#pods.has(name)) this.seen.push(name);
    this.#pods.set(name, pod);
    if (metadata?.deletionTimestamp !== undefined) {
      void this.#end(pod);
      return;
    }
    if (!spec?.nodeName) {
      const body = { metadata: { name }, target: { kind: 'Node', name: NODE } };
      await this.core.createNamespacedPodBinding({ name, namespace: NAMESPACE, body });
      return;
    }
    const isBroken = metadata?.annotations?.[BROKEN] !== undefined;
    if (status?.phase === 'Pending' && pod.part === null && !isBroken) {
      const env = spec.containers[0]?.env ?? [];
      const own = Object.fromEntries(env.map((entry) => [entry.name, entry.value ?? name]));
      pod.part = this.#system.addWorker(own);
      void this.#follow(pod, pod.part);
    }
  }

  /** Tells that the process runs, and how it ended. */
  async #follow(pod: Pod, starting: Promise<Part>): Promise<void> {
    // A worker that is killed while it starts is the test's end.
    const part = await starting.catch(() => null);
    if (part === null) return;
    const now = new Date();
    const ready = [{ type: 'Ready', status: 'True', lastTransitionTime: now }];
    await this.#say(pod, { phase: 'Running', startTime: now, conditions: ready, ...container({ running: {} }, true) });
    const [code] = await part.exited;
    pod.over = true;
    const phase = code === 0 ? 'Succeeded' : 'Failed';
    await this.#say(pod, { phase, ...container({ terminated: { exitCode: code ?? 137, reason: phase } }, false) });
  }

  async #say({ name }: Pod, status: object): Promise<void> {
    const body = { status };
    await this.core.patchNamespacedPodStatus({ name, namespace: NAMESPACE, body }, STRATEGIC).catch(ignoreRaces);
  }

  /** As a kubelet: asks the process to end, waits for it, and lets go of the pod. */
  async #end(pod: Pod): Promise<void> {
    const { name, part } = pod;
    this.#pods.set(name, { ...pod, part: null });
    if (part !== null && !pod.over) await part.then((process) => process.end('SIGTERM')).catch(() => undefined);
    await this.core.deleteNamespacedPod({ name, namespace: NAMESPACE, gracePeriodSeconds: 0 }).catch(ignoreRaces);
  }
}

/** Gone meanwhile, changed meanwhile, or nobody there: the next round sees to it. */
function ignoreRaces(error: unknown): void {
  const isRefusal = error instanceof ApiException && error.code !== 404 && error.code !== 409;
  if (isRefusal) throw error;
}

const container = (state: object, ready: boolean) => ({
  containerStatuses: [{ name: 'asr', image: 'longhand', imageID: 'longhand', ready, restartCount: 0, state }],
});
