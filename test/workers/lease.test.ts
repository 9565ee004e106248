/** A lease of a worker, against a gateway and a recogniser that do what the test says. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import type { Engine, RecogniserEvent } from '../../workers/engines/engine.ts';
import { Leases } from '../../workers/leases.ts';
import { PLANE_CLOSE } from '../../workflows/audio-plane.ts';
import type { CommitAnswer, StreamArgs } from '../../workflows/contract.ts';

type Dial = readonly [socket: WebSocket, query: URLSearchParams];

const WORKFLOW = 'session/default/s';
const SETTINGS = { gatewayUrl: 'ws://127.0.0.1:1', internalKey: null, gatewayGraceMs: 10_000 };

let server: WebSocketServer;
beforeEach(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
});
afterEach(() => {
  for (const socket of server.clients) socket.terminate();
  server.close();
});

const url = (): string => `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;

async function dialled(): Promise<Dial> {
  const [socket, request] = (await once(server, 'connection')) as [WebSocket, { url: string }];
  return [socket, new URL(request.url, 'ws://gateway').searchParams];
}

/** A worker with one slot. `tell` lets its recogniser say something; `answer` lets the workflow answer a commit. */
function worker(open: () => void = () => undefined) {
  const commits = Promise.withResolvers<CommitAnswer>();
  const deaf: (event: RecogniserEvent) => void = () => undefined;
  const heard = { tell: deaf, finished: Promise.withResolvers<undefined>() };
  const engine: Engine = {
    open: (_options, onEvent) => {
      open();
      heard.tell = onEvent;
      const nothing = (): void => undefined;
      return { accept: nothing, finalize: nothing, close: nothing, finish: () => heard.finished.resolve(undefined) };
    },
    close: () => Promise.resolve(),
  };
  const leases = new Leases('w', engine, { commit: () => commits.promise }, SETTINGS, () => undefined);
  const lease = leases.grant({ workflowId: WORKFLOW, epoch: 1, model: 'en', leaseTtlMs: 60_000 });
  const stream = (generation: number, gateway: string, instance = `g${generation}`) => {
    const ref = { tenant: 'default', id: 's' };
    const from = { fromByte: 0, toByte: null, nextIndex: 0, drain: false };
    const at = { workflowId: WORKFLOW, ref, lease, kind: 'live', language: 'en', generation } as const;
    return leases.stream({ ...at, ...from, gateway: { url: gateway, instance } } satisfies StreamArgs);
  };
  return { leases, heard, commits, stream };
}

const final = { type: 'final', text: 'a', startMs: 0, endMs: 1, words: [], timing: 'model' } as const;

test('a lease that ends because its client is away names the attach it knew, also to a stream that is asked for later', async () => {
  const { heard, stream } = worker();
  const first = stream(1, url());
  const [socket] = await dialled();
  socket.send(JSON.stringify({ type: 'pause' }));
  await heard.finished.promise;
  const second = stream(2, url());
  expect(await first).toMatchObject({ why: 'superseded' });
  heard.tell({ type: 'finished' });
  expect(await second).toMatchObject({ why: 'paused', generation: 1 });
});

test('a lease that dials again counts the finals that are committed, not those that wait', async () => {
  const { heard, commits, stream, leases } = worker();
  void stream(1, url());
  const [socket, query] = await dialled();
  expect(query.get('nextIndex')).toBe('0');
  heard.tell({ ...final, startByte: 0, endByte: 32 });
  const again = dialled();
  socket.terminate();
  const [present, repeated] = await again;
  expect(repeated.get('nextIndex')).toBe('0');
  const said = once(present, 'message');
  commits.resolve({ nextIndex: 1, rotate: false });
  await said;
  const third = dialled();
  present.terminate();
  expect((await third)[1].get('nextIndex')).toBe('1');
  leases.releaseAll();
});

test('a lease whose audio is damaged in storage ends by that name, and dials no more', async () => {
  const { stream } = worker();
  const [outcome, [socket]] = [stream(1, url()), await dialled()];
  socket.close(PLANE_CLOSE.damaged);
  expect(await outcome).toEqual({ why: 'audioDamaged', detail: null });
});

test('a recogniser that cannot be opened, and an address that is none, free the slot', async () => {
  const deaf = worker(() => {
    throw new Error('no model');
  });
  expect(await deaf.stream(1, url())).toMatchObject({ why: 'engineFailed' });
  expect(deaf.leases.sessions).toEqual([]);
  // For a while it takes no other: it would be free at once, and be given the same session again.
  expect(deaf.leases.taken).toBe(Infinity);
  expect(() => deaf.leases.grant({ workflowId: WORKFLOW, epoch: 2, model: 'en', leaseTtlMs: 1000 })).toThrow();
  const lost = worker();
  expect(await lost.stream(1, 'gateway:8080')).toMatchObject({ why: 'engineFailed' });
  expect(lost.leases.sessions).toEqual([]);
});
