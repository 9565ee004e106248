/**
 * A real Kubernetes control plane on loopback: etcd, kube-apiserver and kube-controller-manager, built once from their
 * published Go modules (go/go.mod names their versions) and kept in the cache. There are no nodes: kubelet.ts stands in.
 */
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { generateKeyPairSync } from 'node:crypto';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '../../../infra/processes/ports.ts';
import { findGo } from '../go.ts';
import { program } from '../program.ts';
import { until } from '../until.ts';

const run = promisify(execFile);

const VERSION = 'v1.35.4';
const ETCD = 'v3.6';
const SOURCE = fileURLToPath(new URL('./go', import.meta.url));
const STAMP = 'k8s.io/component-base/version';
const FLAGS = `-s -w -X ${STAMP}.gitVersion=${VERSION} -X ${STAMP}.gitMajor=1 -X ${STAMP}.gitMinor=35`;
const READY_MS = 60_000;

/** What the tests need of the controllers. */
const CONTROLLERS = [
  ...['deployment', 'replicaset', 'job', 'garbage-collector', 'namespace', 'disruption', 'ttl-after-finished'],
  ...['serviceaccount', 'pod-garbage-collector'],
].map((name) => `${name}-controller`);

function built(name: string, version: string, module: string, suite: string): Promise<string | null> {
  return program(`${name}-${version}`, suite, async (folder) => {
    const made = join(folder, name);
    const args = ['build', '-trimpath', '-ldflags', FLAGS, '-o', made, module];
    await run(await findGo(), args, { cwd: SOURCE, env: { ...process.env, CGO_ENABLED: '0' }, maxBuffer: 16 << 20 });
    return made;
  });
}

/** One of the control plane's processes. */
class Server {
  readonly #binary: string;
  readonly #args: readonly string[];
  readonly #logFile: string;
  #child: ChildProcess | null = null;

  constructor(binary: string, args: readonly string[], logFile: string) {
    this.#binary = binary;
    this.#args = args;
    this.#logFile = logFile;
  }

  start(): void {
    this.#child = spawn(this.#binary, this.#args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const log = createWriteStream(this.#logFile, { flags: 'a' });
    this.#child.stdout?.pipe(log);
    this.#child.stderr?.pipe(log);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
}

/** Who may do what: the token is the name. */
export const ADMIN = 'admin';
/** The service account that the scaler runs as, as the Role of infra/kubernetes/ binds it. */
export const SCALER = 'scaler';
const SCALER_USER = 'system:serviceaccount:longhand:longhand-orchestrator';

export class ControlPlane {
  readonly folder: string;
  readonly #port: number;
  readonly #etcd: Server;
  readonly #api: Server;
  readonly #controllers: Server;

  constructor(folder: string, port: number, servers: { etcd: Server; api: Server; controllers: Server }) {
    this.folder = folder;
    this.#port = port;
    this.#etcd = servers.etcd;
    this.#api = servers.api;
    this.#controllers = servers.controllers;
  }

  /** Where the API server notes each change of a Deployment's scale, a JSON event a line, once it has answered. */
  get scaleLog(): string {
    return scaleLogOf(this.folder);
  }

  /** Kubeconfig file of a user. */
  kubeconfig(user: typeof ADMIN | typeof SCALER): string {
    return join(this.folder, `${user}.kubeconfig`);
  }

  async start(): Promise<void> {
    this.#etcd.start();
    await this.startApi();
    this.#controllers.start();
  }

  /** The API server goes away, as in an upgrade of a control plane; etcd and the controllers stay. */
  stopApi(): Promise<void> {
    return this.#api.kill();
  }

  async startApi(): Promise<void> {
    this.#api.start();
    await until(
      'the API server is ready',
      () => isReady(this.#port),
      (ready) => ready,
      READY_MS,
    );
  }

  async stop(): Promise<void> {
    await Promise.all([this.#controllers, this.#api, this.#etcd].map((server) => server.kill()));
    if (process.env['TEST_KEEP'] === undefined) await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function isReady(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const headers = { authorization: `Bearer ${ADMIN}` };
    const asked = request(
      { host: '127.0.0.1', port, path: '/readyz', headers, rejectUnauthorized: false },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode === 200);
      },
    );
    asked.on('error', () => resolve(false));
    asked.end();
  });
}

/**
 * Starts a control plane of its own. Answers null, and says by name what does not run, where it cannot be had; with
 * `CI=true` that is an error.
 */
export async function startKubernetes(suite: string): Promise<ControlPlane | null> {
  const what = `${suite} against a real Kubernetes API`;
  const api = await built('kube-apiserver', VERSION, 'k8s.io/kubernetes/cmd/kube-apiserver', what);
  const controllers = await built(
    'kube-controller-manager',
    VERSION,
    'k8s.io/kubernetes/cmd/kube-controller-manager',
    what,
  );
  const etcd = await built('etcd', ETCD, 'go.etcd.io/etcd/server/v3', what);
  if (api === null || controllers === null || etcd === null) return null;
  const folder = await mkdtemp(join(tmpdir(), 'longhand-kubernetes-'));
  const [port, etcdPort, peerPort, controllersPort] = [
    await freePort(0),
    await freePort(0),
    await freePort(0),
    await freePort(0),
  ];
  await writeFiles(folder, port);
  const log = (name: string): string => join(folder, `${name}.log`);
  const plane = new ControlPlane(folder, port, {
    etcd: new Server(etcd, etcdArgs(folder, etcdPort, peerPort), log('etcd')),
    api: new Server(api, apiArgs(folder, port, etcdPort), log('apiserver')),
    controllers: new Server(controllers, controllerArgs(folder, controllersPort), log('controllers')),
  });
  try {
    await plane.start();
  } catch (error) {
    await plane.stop();
    throw error;
  }
  return plane;
}

async function writeFiles(folder: string, port: number): Promise<void> {
  await mkdir(join(folder, 'etcd'), { mode: 0o700 });
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await writeFile(join(folder, 'sa.key'), privateKey.export({ type: 'pkcs1', format: 'pem' }));
  const tokens = [`${ADMIN},admin,1,system:masters`, `${SCALER},${SCALER_USER},2`];
  await writeFile(join(folder, 'audit.json'), JSON.stringify(AUDIT));
  await writeFile(join(folder, 'tokens.csv'), `${tokens.join('\n')}\n`);
  for (const user of [ADMIN, SCALER]) {
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster: { server: `https://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } }],
      users: [{ name: user, user: { token: user } }],
      contexts: [{ name: 'c', context: { cluster: 'c', user } }],
      'current-context': 'c',
    };
    await writeFile(join(folder, `${user}.kubeconfig`), JSON.stringify(config));
  }
}

const scaleLogOf = (folder: string): string => join(folder, 'scale-requests.jsonl');

/** What the scaler's requests for another number of workers were, and when they were answered (audit.k8s.io/v1). */
const AUDIT = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [
    { level: 'Request', verbs: ['update', 'patch'], resources: [{ group: 'apps', resources: ['deployments/scale'] }] },
    { level: 'None' },
  ],
};

const etcdArgs = (folder: string, port: number, peerPort: number): string[] => {
  const [client, peer] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peerPort}`];
  return [
    ...['--data-dir', join(folder, 'etcd'), '--unsafe-no-fsync'],
    ...['--listen-client-urls', client, '--advertise-client-urls', client],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`],
  ];
};

const apiArgs = (folder: string, port: number, etcdPort: number): string[] => [
  `--etcd-servers=http://127.0.0.1:${etcdPort}`,
  `--cert-dir=${join(folder, 'certs')}`,
  `--secure-port=${port}`,
  '--bind-address=127.0.0.1',
  '--advertise-address=127.0.0.1',
  '--service-account-issuer=https://kubernetes.default.svc',
  `--service-account-key-file=${join(folder, 'sa.key')}`,
  `--service-account-signing-key-file=${join(folder, 'sa.key')}`,
  `--token-auth-file=${join(folder, 'tokens.csv')}`,
  '--authorization-mode=RBAC',
  '--service-cluster-ip-range=10.0.0.0/24',
  '--disable-admission-plugins=ServiceAccount',
  '--endpoint-reconciler-type=none',
  `--audit-policy-file=${join(folder, 'audit.json')}`,
  `--audit-log-path=${scaleLogOf(folder)}`,
];

const controllerArgs = (folder: string, port: number): string[] => [
  `--kubeconfig=${join(folder, `${ADMIN}.kubeconfig`)}`,
  '--bind-address=127.0.0.1',
  `--secure-port=${port}`,
  `--cert-dir=${join(folder, 'certs')}`,
  `--service-account-private-key-file=${join(folder, 'sa.key')}`,
  '--use-service-account-credentials=false',
  '--leader-elect=false',
  `--controllers=${CONTROLLERS.join(',')}`,
];
