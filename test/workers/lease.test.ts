/** A lease of a worker, against a gateway and a recogniser that do what the test says. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import type { Engine, RecogniserEvent } from '../../workers/engines/engine.ts';
import type { LeaseSettings } from '../../workers/lease.ts';
import { Leases } from '../../workers/leases.ts';
import { PLANE_CLOSE } from '../../workflows/audio-plane.ts';
import type { Commit, CommitAnswer, StreamArgs } from '../../workflows/contract.ts';

type Dial = readonly [socket: WebSocket, query: URLSearchParams];

const WORKFLOW = 'session/default/s';
const SETTINGS = {
  gatewayUrl: 'ws://127.0.0.1:1',
  internalKey: null,
  gatewayGraceMs: 10_000,
  gatewaySilenceMs: 60_000,
};

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
function worker(open: () => void = () => undefined, settings: Partial<LeaseSettings> = {}) {
  const commits = Promise.withResolvers<CommitAnswer>();
  const asked: Commit[] = [];
  let heardBytes = 0;
  const deaf: (event: RecogniserEvent) => void = () => undefined;
  const heard = { tell: deaf, finished: Promise.withResolvers<undefined>() };
  const engine: Engine = {
    open: (_options, onEvent) => {
      open();
      heard.tell = onEvent;
      const nothing = (): void => undefined;
      return {
        accept: ({ length }) => (heardBytes += length),
        finalize: nothing,
        close: nothing,
        finish: () => heard.finished.resolve(undefined),
      };
    },
    close: () => Promise.resolve(),
  };
  const commit = (_workflowId: string, _updateId: string, commit: Commit) => {
    asked.push(commit);
    return commits.promise;
  };
  const leases = new Leases(
    'w',
    engine,
    { commit },
    { ...SETTINGS, maxSessions: Infinity, ...settings },
    () => undefined,
  );
  const lease = leases.grant({ workflowId: WORKFLOW, epoch: 1, model: 'en', leaseTtlMs: 60_000 });
  const stream = (generation: number, gateway: string, instance = `g${generation}`, lean?: true) => {
    const ref = { tenant: 'default', id: 's' };
    const from = { fromByte: 0, toByte: null, nextIndex: 0, drain: false };
    const at = { workflowId: WORKFLOW, ref, lease, kind: 'live', language: 'en', generation } as const;
    const span = lean === undefined ? {} : ({ kind: 'span', toByte: 64, lean } as const);
    return leases.stream({ ...at, ...from, ...span, gateway: { url: gateway, instance } } satisfies StreamArgs);
  };
  return { leases, lease, heard, commits, asked, stream, heardBytes: () => heardBytes };
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

test('a lease whose client is there and sends nothing ends as quiet', async () => {
  const { heard, stream } = worker();
  const outcome = stream(3, url());
  const [socket] = await dialled();
  socket.send(JSON.stringify({ type: 'pause', quiet: true }));
  await heard.finished.promise;
  heard.tell({ type: 'finished' });
  expect(await outcome).toMatchObject({ why: 'quiet', generation: 3 });
});

test('speech without text is committed as a hole, with what is committed next', async () => {
  const { heard, commits, asked, stream, leases } = worker();
  void stream(1, url());
  await dialled();
  heard.tell({ type: 'unheard', startByte: 320, endByte: 640 });
  heard.tell({ ...final, startByte: 640, endByte: 960 });
  commits.resolve({ nextIndex: 1, rotate: false });
  while (asked.length < 2) await new Promise((resolve) => setImmediate(resolve));
  expect(asked).toMatchObject([
    { segments: [], throughByte: 640, holes: [{ fromByte: 320, toByte: 640 }] },
    { segments: [{ index: 0 }], throughByte: 960 },
  ]);
  expect(asked[1]).not.toHaveProperty('holes');
  leases.releaseAll();
});

test('an end that comes before all the audio is not taken for the end: what is missing is asked for', async () => {
  const { heard, stream, heardBytes } = worker();
  const outcome = stream(1, url());
  const [socket] = await dialled();
  socket.send(Buffer.alloc(100));
  const again = dialled();
  socket.send(JSON.stringify({ type: 'end', bytes: 160 }));
  const [present, query] = await again;
  expect(query.get('fromByte')).toBe('100');
  present.send(Buffer.alloc(60));
  present.send(JSON.stringify({ type: 'end', bytes: 160 }));
  await heard.finished.promise;
  expect(heardBytes()).toBe(160);
  heard.tell({ type: 'finished' });
  expect(await outcome).toEqual({ why: 'end', detail: null, throughByte: 160 });
});

describe('a gateway that says nothing any more', () => {
  const impatient = { gatewaySilenceMs: 300 };

  test('is dialled again, from the byte that was heard last', async () => {
    const { stream, leases } = worker(undefined, impatient);
    void stream(1, url());
    const [socket] = await dialled();
    socket.send(Buffer.alloc(640));
    const again = dialled();
    // As when its host has vanished: it neither reads nor writes, and the connection stays.
    socket.pause();
    const [, query] = await again;
    expect(query.get('fromByte')).toBe('640');
    leases.releaseAll();
  });

  test('is not so while it answers pings, and is not pinged while audio flows', async () => {
    const { stream, leases } = worker(undefined, impatient);
    void stream(1, url());
    const [socket] = await dialled();
    let pings = 0;
    socket.on('ping', () => (pings += 1));
    for (let frames = 0; frames < 20; frames += 1) {
      socket.send(Buffer.alloc(32));
      await pause(20);
    }
    expect(pings).toBe(0);
    while (pings < 8) await once(socket, 'ping');
    expect(server.clients.size).toBe(1);
    leases.releaseAll();
  });

  test('ends the stream when it cannot be reached for the grace', async () => {
    const { stream, heard } = worker(undefined, { ...impatient, gatewayGraceMs: 200 });
    const outcome = stream(1, url());
    const [socket] = await dialled();
    socket.pause();
    server.close();
    await heard.finished.promise;
    heard.tell({ type: 'finished' });
    expect(await outcome).toMatchObject({ why: 'gatewayLost', generation: 1 });
  });
});

test('a gateway that refuses the worker is not dialled again: the slot is freed, and rests', async () => {
  let dials = 0;
  server.on('connection', (socket) => {
    dials += 1;
    socket.close(4401, 'wrong key');
  });
  const { stream, leases } = worker();
  expect(await stream(1, url())).toMatchObject({ why: 'leaseExpired' });
  expect(dials).toBe(1);
  expect(leases.sessions).toEqual([]);
  expect(leases.taken).toBe(Infinity);
});

test('a lease that has recognised everything and waits for its commits goes on saying that it is there', async () => {
  const { heard, commits, stream } = worker();
  const outcome = stream(1, url());
  const [socket] = await dialled();
  const said: unknown[] = [];
  socket.on('message', (data: Buffer) => said.push(JSON.parse(data.toString())));
  socket.send(Buffer.alloc(32));
  socket.send(JSON.stringify({ type: 'end', bytes: 32 }));
  await heard.finished.promise;
  heard.tell({ ...final, startByte: 0, endByte: 32 });
  heard.tell({ type: 'finished' });
  while (said.length < 5) await once(socket, 'message');
  expect(said).toEqual(said.map(() => ({ type: 'consumed', bytes: 32 })));
  commits.resolve({ nextIndex: 1, rotate: false });
  expect(await outcome).toMatchObject({ why: 'end' });
});

describe('a lease of a span, for whose finals nobody waits', () => {
  const FIRST = { ...final, startByte: 0, endByte: 32 };
  const lean = ({ stream }: Pick<ReturnType<typeof worker>, 'stream'>) => stream(1, url(), 'g1', true);

  async function heardAll({ heard }: ReturnType<typeof worker>): Promise<void> {
    const [socket] = await dialled();
    socket.send(Buffer.alloc(64));
    socket.send(JSON.stringify({ type: 'end', bytes: 64 }));
    await heard.finished.promise;
  }

  test('gives those that are not committed along with its end', async () => {
    const here = worker();
    const outcome = lean(here);
    await heardAll(here);
    here.heard.tell(FIRST);
    here.heard.tell({ type: 'unheard', startByte: 32, endByte: 40 });
    here.heard.tell({ type: 'finished' });
    expect(await outcome).toMatchObject({
      why: 'end',
      throughByte: 64,
      commit: { segments: [{ index: 0, endByte: 32 }], throughByte: 40, holes: [{ fromByte: 32, toByte: 40 }] },
    });
    expect(here.asked).toEqual([]);
  });

  test('gives nothing along where there was nothing, or all is committed', async () => {
    const here = worker();
    const outcome = lean(here);
    await heardAll(here);
    here.heard.tell({ type: 'finished' });
    expect(await outcome).toEqual({ why: 'end', detail: null, throughByte: 64 });
  });

  test('commits what is more than goes along', async () => {
    const here = worker();
    const outcome = lean(here);
    await heardAll(here);
    for (let at = 0; at < 101; at += 1) here.heard.tell({ ...FIRST, startByte: at, endByte: at + 1 });
    here.commits.resolve({ nextIndex: 100, rotate: false });
    here.heard.tell({ type: 'finished' });
    const { commit } = await outcome;
    expect(here.asked.flatMap(({ segments }) => segments.map(({ index }) => index))).toEqual(
      Array.from({ length: 101 }, (_, index) => index),
    );
    expect(commit).toBeUndefined();
  });

  test('commits what has waited for long enough, and gives along only what came after it', async () => {
    const here = worker();
    const outcome = lean(here);
    await heardAll(here);
    here.heard.tell({ ...FIRST, endByte: 16 });
    here.heard.tell({ ...FIRST, startByte: 16 });
    while (here.asked.length === 0) await pause(20);
    expect(here.asked).toMatchObject([{ segments: [{ index: 0 }, { index: 1 }], throughByte: 32 }]);
    here.heard.tell({ ...FIRST, startByte: 32, endByte: 64 });
    here.heard.tell({ type: 'finished' });
    here.commits.resolve({ nextIndex: 1, rotate: false });
    expect(await outcome).toMatchObject({ why: 'end', commit: { segments: [{ index: 2 }], throughByte: 64 } });
    expect(here.asked.length).toBe(1);
  });

  test('is handed over without waiting for more finals', async () => {
    const here = worker();
    const outcome = lean(here);
    await dialled();
    here.heard.tell(FIRST);
    expect(here.asked).toEqual([]);
    here.leases.handOver(here.lease.leaseId);
    here.commits.resolve({ nextIndex: 1, rotate: false });
    expect(await outcome).toMatchObject({ why: 'handedOver' });
    expect(here.asked).toMatchObject([{ segments: [{ index: 0 }] }]);
  });
});
