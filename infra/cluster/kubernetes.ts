/**
 * A pool on Kubernetes: standing workers are a Deployment, whose scale is set and whose idle pods go first
 * (`pod-deletion-cost`); burst workers are Jobs made from the same pod template. Everything is listed anew each time: there
 * is no watch that could fall behind (410 Gone), and a conflict (409) is answered by looking again.
 */
import { setTimeout as pause } from 'node:timers/promises';
import {
  ApiException,
  AppsV1Api,
  BatchV1Api,
  CoreV1Api,
  createConfiguration,
  KubeConfig,
  ServerConfiguration,
  setHeaderOptions,
} from '@kubernetes/client-node';
import type { Configuration, V1Job, V1Pod, V1PodTemplateSpec } from '@kubernetes/client-node';

/** Controllers that delete pods begin with those of the lowest cost (kubernetes.io, "Pod deletion cost", beta since 1.22). */
export const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';
/** On Jobs and their pods: whose burst workers they are. */
export const POOL_LABEL = 'longhand.dev/pool';
/** Goes before all others, also before pods of which nothing is known (cost 0). */
const FIRST_TO_GO = -1000;
const MERGE_PATCH = setHeaderOptions('Content-Type', 'application/merge-patch+json');
/** The deployment's own controller writes it too, many times a second while pods come and go. */
const CONFLICT_TRIES = 8;
/** Before the second try; each next pause is twice as long, and each a part of it by chance, so that rivals part. */
const CONFLICT_PAUSE_MS = 20;

export interface KubernetesOptions {
  /** Kubeconfig file; null: as a pod of the cluster. */
  readonly kubeconfig: string | null;
  readonly namespace: string;
  /** Name of a model's Deployment. */
  readonly deploymentOf: (model: string) => string;
  /** Longest wait for one answer of the API server, in milliseconds. */
  readonly deadlineMs: number;
  /** A burst worker that has got no session by then ends, in seconds; so does its Job, by its own deadline, when it hangs. */
  readonly burstLifeS: number;
}

interface Unit {
  readonly name: string;
  readonly burst: boolean;
  readonly askedAtMs: number;
  readonly leaving: boolean;
  readonly host: string | null;
  readonly pid: null;
}

interface Wish {
  readonly standing: number;
  readonly leaving: readonly string[];
  readonly sessions: Readonly<Record<string, number>>;
  readonly burst: number;
  readonly id: string;
}

const isCode = (error: unknown, code: number): boolean => error instanceof ApiException && error.code === code;

/** The API server's refusal without the whole answer: status and what Kubernetes says of it. */
function asFault(error: unknown): Error {
  if (!(error instanceof ApiException)) return error instanceof Error ? error : new Error(String(error));
  const body: unknown = error.body;
  const said = /"message":"((?:[^"\\]|\\.)*)"/.exec(typeof body === 'string' ? body : JSON.stringify(body))?.[1];
  return new Error(`Kubernetes answered ${error.code}: ${said ?? 'no message'}`);
}

export class KubernetesCluster {
  readonly #apps: AppsV1Api;
  readonly #core: CoreV1Api;
  readonly #batch: BatchV1Api;
  readonly #options: KubernetesOptions;

  constructor(options: KubernetesOptions) {
    const configuration = openConfiguration(options);
    this.#apps = new AppsV1Api(configuration);
    this.#core = new CoreV1Api(configuration);
    this.#batch = new BatchV1Api(configuration);
    this.#options = options;
  }

  async observe(model: string): Promise<{ readonly standing: number; readonly units: readonly Unit[] }> {
    try {
      const { standing, selector } = await this.#deployment(model);
      const [pods, jobs] = await Promise.all([this.#pods(selector), this.#jobs(model)]);
      const burst = jobs.length === 0 ? [] : await this.#pods(`${POOL_LABEL}=${model}`);
      return { standing, units: [...pods.map((pod) => unitOf(pod, false)), ...burstUnits(jobs, burst)] };
    } catch (error) {
      throw asFault(error);
    }
  }

  /** Idempotent: what is so already is left as it is. */
  async apply(model: string, wish: Wish): Promise<void> {
    try {
      const { standing, selector } = await this.#deployment(model);
      if (standing > wish.standing) await this.#price(selector, wish);
      if (standing !== wish.standing) await this.#scale(model, wish.standing);
      await this.#replaceEmptied(wish, Math.max(0, standing - wish.standing));
      await this.#burst(model, wish);
    } catch (error) {
      throw asFault(error);
    }
  }

  async #deployment(model: string): Promise<{ standing: number; selector: string; template: V1PodTemplateSpec }> {
    const { spec } = await this.#apps.readNamespacedDeployment(this.#named(this.#options.deploymentOf(model)));
    const labels = Object.entries(spec?.selector.matchLabels ?? {}).map(([name, value]) => `${name}=${value}`);
    return { standing: spec?.replicas ?? 1, selector: labels.join(','), template: spec?.template ?? {} };
  }

  async #pods(labelSelector: string): Promise<V1Pod[]> {
    const { namespace } = this.#options;
    const { items } = await this.#core.listNamespacedPod({ namespace, labelSelector });
    return items.filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed');
  }

  /** Those that have not ended. */
  async #jobs(model: string): Promise<V1Job[]> {
    const { namespace } = this.#options;
    const request = { namespace, labelSelector: `${POOL_LABEL}=${model}` };
    const { items } = await this.#batch.listNamespacedJob(request);
    const isOver = ({ status }: V1Job) =>
      status?.conditions?.some(({ type, status: is }) => is === 'True' && (type === 'Complete' || type === 'Failed'));
    return items.filter((job) => isOver(job) !== true);
  }

  /** The number is set against the version that was read: of two scalers one is told that it came too late, and looks again. */
  async #scale(model: string, replicas: number): Promise<void> {
    const name = this.#named(this.#options.deploymentOf(model));
    for (let tries = 1; ; tries += 1) {
      const body = await this.#apps.readNamespacedDeploymentScale(name);
      if (body.spec?.replicas === replicas) return;
      try {
        const wanted = { ...body, spec: { replicas } };
        await this.#apps.replaceNamespacedDeploymentScale({ ...name, body: wanted });
        return;
      } catch (error) {
        if (!isCode(error, 409) || tries === CONFLICT_TRIES) throw error;
        await pause(CONFLICT_PAUSE_MS * 2 ** (tries - 1) * (0.5 + Math.random() / 2));
      }
    }
  }

  /** Tells the controller which pods to delete first. */
  async #price(selector: string, { leaving, sessions }: Wish): Promise<void> {
    for (const { metadata } of await this.#pods(selector)) {
      const name = metadata?.name ?? '';
      const cost = leaving.includes(name) ? FIRST_TO_GO : (sessions[name] ?? 0);
      if (Number(metadata?.annotations?.[DELETION_COST] ?? 0) === cost) continue;
      const body = { metadata: { annotations: { [DELETION_COST]: String(cost) } } };
      await this.#core.patchNamespacedPod({ ...this.#named(name), body }, MERGE_PATCH).catch(ignoreGone);
    }
  }

  /** Emptied pods that a smaller number does not take away are replaced by fresh ones: more is wanted by now. */
  async #replaceEmptied({ leaving }: Wish, gone: number): Promise<void> {
    for (const name of leaving.slice(gone)) {
      await this.#core.deleteNamespacedPod(this.#named(name)).catch(ignoreGone);
    }
  }

  /** Asks for those that are missing; a Job that was begun by the same wish before is not begun again. */
  async #burst(model: string, { burst, id }: Wish): Promise<void> {
    if (burst === 0) return;
    const [jobs, { template }] = await Promise.all([this.#jobs(model), this.#deployment(model)]);
    const missing = Array.from({ length: Math.max(0, burst - jobs.length) }, (_, at) => at);
    const { namespace, deploymentOf } = this.#options;
    await Promise.all(
      missing.map(async (at) => {
        const body = this.#job(`${deploymentOf(model)}-burst-${id}-${at}`, model, template);
        await this.#batch.createNamespacedJob({ namespace, body }).catch((error: unknown) => {
          if (!isCode(error, 409)) throw error;
        });
      }),
    );
  }

  #job(name: string, model: string, template: V1PodTemplateSpec): V1Job {
    const { burstLifeS } = this.#options;
    const labels = { [POOL_LABEL]: model };
    const own = [
      { name: 'LONGHAND_WORKER_SESSIONS', value: '1' },
      { name: 'LONGHAND_WORKER_IDLE_MS', value: String(burstLifeS * 1000) },
    ];
    const containers = (template.spec?.containers ?? []).map((container) => ({
      ...container,
      env: [...(container.env ?? []), ...own],
    }));
    return {
      metadata: { name, labels },
      spec: {
        completions: 1,
        parallelism: 1,
        backoffLimit: 2,
        ttlSecondsAfterFinished: 60,
        // A node that is drained or reclaimed is no fault of the worker's (stable since 1.31).
        podFailurePolicy: {
          rules: [
            { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
            // Wrong settings: starting it again is of no use.
            { action: 'FailJob', onExitCodes: { operator: 'In', values: [2] } },
          ],
        },
        template: {
          metadata: { labels, ...(template.metadata?.annotations && { annotations: template.metadata.annotations }) },
          spec: { ...template.spec, containers, restartPolicy: 'Never' },
        },
      },
    };
  }

  #named(name: string) {
    return { name, namespace: this.#options.namespace };
  }
}

/** As `KubeConfig.makeApiClient`, and each request with a deadline: the client has none of its own. */
function openConfiguration({ kubeconfig, deadlineMs }: KubernetesOptions): Configuration {
  const config = new KubeConfig();
  if (kubeconfig === null) config.loadFromCluster();
  else config.loadFromFile(kubeconfig);
  const server = config.getCurrentCluster()?.server;
  if (server === undefined) throw new Error(`no cluster is named in ${kubeconfig ?? "the pod's service account"}`);
  return createConfiguration({
    baseServer: new ServerConfiguration(server, {}),
    authMethods: { default: config },
    promiseMiddleware: [
      {
        pre: (context) => {
          context.setSignal(AbortSignal.timeout(deadlineMs));
          return Promise.resolve(context);
        },
        post: (context) => Promise.resolve(context),
      },
    ],
  });
}

/** A pod that has gone meanwhile needs nothing any more. */
function ignoreGone(error: unknown): void {
  if (!isCode(error, 404)) throw error;
}

function unitOf({ metadata }: V1Pod, burst: boolean): Unit {
  const name = metadata?.name ?? '';
  return {
    name,
    burst,
    askedAtMs: metadata?.creationTimestamp?.getTime() ?? 0,
    leaving: metadata?.deletionTimestamp !== undefined,
    // A pod's host name is its own name, unless its template says otherwise.
    host: name,
    pid: null,
  };
}

/** A Job counts from the moment it is asked for, before it has a pod. */
function burstUnits(jobs: readonly V1Job[], pods: readonly V1Pod[]): Unit[] {
  return jobs.map((job) => {
    const name = job.metadata?.name ?? '';
    const pod = pods.find(({ metadata }) => metadata?.labels?.['job-name'] === name);
    const askedAtMs = job.metadata?.creationTimestamp?.getTime() ?? 0;
    const host = pod?.metadata?.name ?? null;
    return { name, burst: true, askedAtMs, leaving: job.metadata?.deletionTimestamp !== undefined, host, pid: null };
  });
}
