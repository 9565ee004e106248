/** A session at a gateway: client, audio and worker come and go in any order. Real sockets; the workflows by their rules. */
import { Failure } from '../../../gateway/failures.ts';
import { PLANE_CLOSE } from '../../../workflows/audio-plane.ts';
import { objectKeys } from '../../../workflows/contract.ts';
import { Backstage, Edge } from '../../harness/edge.ts';
import type { Client } from '../../harness/edge.ts';
import { turns } from '../../harness/quiet.ts';
import { segment } from '../../workflows/session/given.ts';

const edges: Edge[] = [];
const open = async (...args: ConstructorParameters<typeof Edge>): Promise<Edge> => {
  const edge = await new Edge(...args).listen();
  edges.push(edge);
  return edge;
};
afterEach(async () => {
  await Promise.all(edges.splice(0).map((edge) => edge.end()));
});

const audio = (bytes: number, from = 0): Buffer =>
  Buffer.from(Array.from({ length: bytes }, (_, i) => (from + i) % 251));

/** A session that streams: one client, one worker with the first lease. */
async function streaming(edge: Edge) {
  const client = await edge.client();
  await client.session();
  edge.sessions.grant('s');
  const worker = await edge.worker({ epoch: 1 });
  await client.inbox.next('started');
  return { client, worker };
}

describe('a session from beginning to end', () => {
  test('client first: told its session, acknowledged, transcribed, done', async () => {
    const edge = await open();
    const { client, worker } = await streaming(edge);
    expect(await client.session()).toEqual({
      type: 'session',
      id: 's',
      durableBytes: 0,
      nextIndex: 0,
      model: 'en',
      language: 'en',
    });
    client.send(audio(6400));
    expect((await worker.inbox.audioOf(6400)).equals(audio(6400))).toBe(true);
    await client.acked(6400);
    worker.say({ type: 'partial', text: 'hel', startMs: 0, endMs: 100, channel: 0 });
    expect(await client.inbox.next('partial')).toMatchObject({ text: 'hel' });
    edge.sessions.commit('s', [segment(0)], 6400);
    worker.say({ type: 'final', segments: [segment(0)] });
    expect(await client.inbox.next('final')).toMatchObject({ index: 0, text: 'segment 0' });
    client.say({ type: 'end' });
    expect(await worker.inbox.next('end')).toEqual({ type: 'end', bytes: 6400 });
    await edge.sessions.until('s', (state) => state.audioEndByte === 6400);
    await edge.sessions.complete('s');
    expect(await client.inbox.next('done')).toEqual({ type: 'done', segments: 1, audioMs: 200, state: 'completed' });
    expect(await client.code()).toBe(1000);
    expect(await worker.code()).toBe(PLANE_CLOSE.fenced);
    expect((await edge.stored()).equals(audio(6400))).toBe(true);
    expect(edge.server.live.size).toBe(0);
  });

  test('worker first, as after a gateway died: it gets what is stored, then what the client brings', async () => {
    const backstage = new Backstage();
    const first = await open({}, backstage);
    const before = await first.client();
    before.send(audio(1000));
    await before.acked(1000);
    backstage.sessions.grant('s');
    const second = await open({}, backstage);
    const worker = await second.worker({ epoch: 1 });
    expect((await worker.inbox.audioOf(1000)).equals(audio(1000))).toBe(true);
    const client = await second.client();
    expect((await client.session()).durableBytes).toBe(1000);
    await client.inbox.next('started');
    client.send(audio(500, 1000));
    expect((await worker.inbox.audioOf(1500)).equals(audio(1500))).toBe(true);
  });

  test('the client goes and comes: it is told from which byte to send, and the log has no gap', async () => {
    const edge = await open();
    const { client, worker } = await streaming(edge);
    client.send(audio(1000));
    await worker.inbox.audioOf(1000);
    client.socket.terminate();
    await edge.sessions.until('s', (state) => state.client === null);
    const again = await edge.client();
    expect((await again.session()).durableBytes).toBe(1000);
    again.send(audio(1000, 1000));
    await again.acked(2000);
    expect((await worker.inbox.audioOf(2000)).equals(audio(2000))).toBe(true);
    expect((await edge.stored()).equals(audio(2000))).toBe(true);
  });

  test('the worker goes and another comes: it starts at the committed byte, the client’s socket stays', async () => {
    const edge = await open();
    const { client, worker } = await streaming(edge);
    client.send(audio(4000));
    await worker.inbox.audioOf(4000);
    edge.sessions.commit('s', [segment(0)], 2000);
    worker.socket.terminate();
    await edge.sessions.until('s', (state) => state.phase.name === 'queued');
    edge.sessions.grant('s');
    const second = await edge.worker({ epoch: 2, fromByte: 2000, nextIndex: 1 });
    expect((await second.inbox.audioOf(2000)).equals(audio(2000, 2000))).toBe(true);
    // The final that the dead worker could not show is fetched.
    expect(await client.inbox.next('final')).toMatchObject({ index: 0 });
    await client.inbox.next('started', 1);
    expect(client.socket.readyState).toBe(client.socket.OPEN);
  });

  test('a session that is cancelled says so, with what there is', async () => {
    const edge = await open();
    const { client } = await streaming(edge);
    edge.sessions.commit('s', [segment(0)], 2000);
    await edge.sessions.cancel({ tenant: 't', id: 's' });
    expect(await client.inbox.next('final')).toMatchObject({ index: 0 });
    expect(await client.inbox.next('done')).toMatchObject({ state: 'cancelled', segments: 1 });
    expect(await client.code()).toBe(1000);
  });
});

describe('two clients of one session', () => {
  test('the newer wins, at the same gateway: the older is closed with its code, and is not taken for gone', async () => {
    const edge = await open();
    const older = await edge.client();
    await older.session();
    const newer = await edge.client();
    await newer.session();
    expect(await older.inbox.next('error')).toMatchObject({ code: 'superseded', retryable: false });
    expect(await older.code()).toBe(4409);
    await turns();
    expect(edge.sessions.state('s').client).not.toBeNull();
    expect(edge.sessions.asked.filter(({ what }) => what === 'detach')).toEqual([]);
  });

  test('the newer wins, through another gateway: the older is told once its worker or its audio has moved', async () => {
    const backstage = new Backstage();
    const [first, second] = [await open({}, backstage), await open({}, backstage)];
    const older = await first.client();
    older.send(audio(100));
    await older.acked(100);
    const newer = await second.client();
    expect((await newer.session()).durableBytes).toBe(100);
    newer.send(audio(100, 100));
    await newer.acked(200);
    older.send(Buffer.alloc(60, 1));
    expect(await older.code()).toBe(4409);
    expect((await second.stored()).equals(audio(200))).toBe(true);
    expect(newer.socket.readyState).toBe(newer.socket.OPEN);
  });

  test('a client that comes back to a gateway that missed something is told what is stored, not what that one knew', async () => {
    const backstage = new Backstage();
    const [first, second] = [await open({}, backstage), await open({}, backstage)];
    const stale = await first.client();
    stale.send(audio(100));
    await stale.acked(100);
    const elsewhere = await second.client();
    await elsewhere.session();
    elsewhere.send(audio(400, 100));
    await elsewhere.acked(500);
    const back = await first.client();
    expect((await back.session()).durableBytes).toBe(500);
    back.send(audio(100, 500));
    await back.acked(600);
    expect((await first.stored()).equals(audio(600))).toBe(true);
  });
});

describe('a session that took its client for gone', () => {
  const { jest } = import.meta;
  afterEach(() => void jest.useRealTimers());

  test('because no worker reached this gateway for a while, is told that the client is here', async () => {
    const rest = ['clearImmediate', 'clearTimeout', 'Date', 'nextTick', 'performance', 'queueMicrotask'] as const;
    jest.useFakeTimers({ doNotFake: [...rest, 'setImmediate', 'setTimeout'] });
    const edge = await open();
    const client = await edge.client();
    await client.session();
    edge.sessions.grant('s');
    const outcome = { why: 'gatewayLost', detail: null } as const;
    edge.sessions.command('s', { type: 'EndStream', epoch: 1, generation: 1, outcome });
    expect(edge.sessions.state('s')).toMatchObject({ phase: { name: 'idle' }, client: null });
    await turns();
    jest.advanceTimersByTime(15_000);
    await edge.sessions.until('s', ({ phase, client: present }) => phase.name === 'queued' && present !== null);
    client.send(audio(100));
    await client.acked(100);
  });
});

describe('a worker that hangs before it has dialled', () => {
  const { jest } = import.meta;
  afterEach(() => void jest.useRealTimers());

  test('is taken for lost when it is missed a second time, and one that comes meanwhile is not', async () => {
    const rest = ['clearImmediate', 'clearTimeout', 'Date', 'nextTick', 'performance', 'queueMicrotask'] as const;
    jest.useFakeTimers({ doNotFake: [...rest, 'setImmediate', 'setTimeout'] });
    const edge = await open();
    const client = await edge.client();
    await client.session();
    edge.sessions.grant('s');
    const lost = () => edge.sessions.asked.filter(({ what }) => what === 'workerLost');
    const miss = async (times: number): Promise<void> => {
      jest.advanceTimersByTime(15_000);
      await edge.sessions.untilAsked('view', times);
      await turns();
    };
    await miss(1);
    expect(lost()).toEqual([]);
    await miss(2);
    expect(lost()).toMatchObject([{ facts: { epoch: 1 } }]);
    edge.sessions.grant('s');
    await miss(3);
    await edge.worker({ epoch: 2 });
    await client.inbox.next('started');
    jest.advanceTimersByTime(60_000);
    await turns();
    expect(lost()).toHaveLength(1);
  });
});

describe('a client that goes to another gateway and comes back', () => {
  test('before its worker has followed it there is not closed for having moved', async () => {
    const backstage = new Backstage();
    const [first, second] = [await open({}, backstage), await open({}, backstage)];
    const { client, worker } = await streaming(first);
    client.socket.terminate();
    const elsewhere = await second.client();
    await elsewhere.session();
    const back = await first.client();
    await back.session();
    const views = first.sessions.asked.filter(({ what }) => what === 'view').length;
    worker.socket.close(PLANE_CLOSE.moved);
    await first.sessions.untilAsked('view', views + 1);
    await turns();
    back.send(audio(100));
    await back.acked(100);
    expect(back.inbox.ofType('error')).toEqual([]);
  });
});

describe('finals', () => {
  test('missed, more than may be left unread, come as they are read; who reads nothing is closed, and gone at once', async () => {
    const edge = await open({ clientBufferBytes: 100_000, keepaliveMs: 200 });
    await (await edge.client()).session();
    edge.sessions.grant('s');
    const said = Array.from({ length: 300 }, (_, index) => segment(index, 'x'.repeat(20_000)));
    edge.sessions.commit('s', said, 300_000);
    const late = await edge.client();
    await late.inbox.until(() => late.finals.length === said.length);
    expect(late.finals).toEqual(said.map(({ index }) => index));
    expect(late.inbox.ofType('error')).toEqual([]);
    const deaf = await edge.client();
    deaf.socket.pause();
    const alive = setInterval(() => deaf.say({ type: 'keepalive' }), 50);
    await edge.sessions.until('s', ({ client, generation }) => generation === 3 && client === null);
    clearInterval(alive);
    deaf.socket.resume();
    expect(await deaf.code()).toBe(4429);
    expect(deaf.finals).toEqual(deaf.finals.map((_index, i) => i));
    expect(deaf.finals.length).toBeLessThan(said.length);
  });

  test('the client names those it has; it gets the others, in order and once', async () => {
    const edge = await open();
    const { client, worker } = await streaming(edge);
    edge.sessions.commit('s', [segment(0), segment(1), segment(2)], 3000);
    worker.say({ type: 'final', segments: [segment(0), segment(1), segment(2)] });
    await client.inbox.next('final', 2);
    client.socket.terminate();
    await edge.sessions.until('s', (state) => state.client === null);
    const again = await edge.client('session=s&index=1');
    expect((await again.session()).nextIndex).toBe(3);
    await again.inbox.next('final', 1);
    worker.say({ type: 'final', segments: [segment(2)] });
    edge.sessions.commit('s', [segment(3)], 4000);
    worker.say({ type: 'final', segments: [segment(3)] });
    await again.inbox.next('final', 2);
    expect(again.finals).toEqual([1, 2, 3]);
  });

  test('of an ended session are replayed from the index, and done follows', async () => {
    const edge = await open();
    await streaming(edge);
    edge.sessions.commit('s', [segment(0), segment(1)], 64_000);
    await edge.sessions.complete('s');
    const late = await edge.client('session=s&index=1');
    expect(await late.inbox.next('done')).toMatchObject({ segments: 2, state: 'completed' });
    expect(late.finals).toEqual([1]);
    expect(await late.code()).toBe(1000);
  });

  test('of an ended session count bytes in the client’s encoding', async () => {
    const edge = await open();
    const query = 'session=s&encoding=mulaw&sample_rate=16000';
    const client = await edge.client(query);
    client.send(Buffer.alloc(1000, 0xff));
    await client.acked(1000);
    client.say({ type: 'end' });
    await edge.sessions.until('s', (state) => state.audioEndByte === 2000);
    edge.sessions.grant('s');
    await edge.sessions.complete('s');
    await client.code();
    const late = await edge.client(query);
    expect((await late.session()).durableBytes).toBe(1000);
  });

  test.each(['', '&encoding=mulaw', '&sample_rate=44100&channels=2'])(
    'a client that comes back after its end is not told less than it was acknowledged (%s)',
    async (format) => {
      const backstage = new Backstage();
      const [first, second] = [await open({}, backstage), await open({}, backstage)];
      const client = await first.client(`session=s${format}`);
      client.send(Buffer.alloc(8003, 0x55));
      client.say({ type: 'end' });
      await client.acked(8003);
      for (const edge of [first, second, first]) {
        const late = await edge.client(`session=s${format}`);
        expect((await late.session()).durableBytes).toBeGreaterThanOrEqual(8003);
        late.socket.terminate();
      }
      first.sessions.grant('s');
      await first.sessions.complete('s');
      const late = await first.client(`session=s${format}`);
      expect((await late.session()).durableBytes).toBeGreaterThanOrEqual(8003);
    },
  );

  test.each([3, 1])(
    'more of them than there are (%d) is refused, and the workflow knows that nobody is there',
    async (index) => {
      const edge = await open();
      const client = await edge.client(`session=s&index=${index}`);
      expect(await client.inbox.next('error')).toMatchObject({
        code: 'invalid_parameter',
        message: `index: ${index} is more than the 0 finals there are`,
      });
      expect(await client.code()).toBe(4400);
      await edge.sessions.until('s', (state) => state.client === null);
      expect(edge.server.live.size).toBe(0);
    },
  );
});

describe('the end of the audio', () => {
  /** The client has said `end`, and it is sealed. */
  async function ended(edge: Edge): Promise<Client> {
    const client = await edge.client();
    client.send(audio(1000));
    client.say({ type: 'end' });
    await edge.sessions.until('s', (state) => state.audioEndByte === 1000);
    return client;
  }

  test('takes everything that came before it', async () => {
    const edge = await open();
    await ended(edge);
    expect((await edge.stored()).equals(audio(1000))).toBe(true);
    expect(await edge.backstage.audioLog.extent(objectKeys.audio({ tenant: 't', id: 's' }))).toEqual({
      durableBytes: 1000,
      sealed: true,
    });
  });

  test.each(['the same', 'another'])(
    'is the end, also for a client that comes again through %s gateway',
    async (which) => {
      const edge = await open();
      const client = await ended(edge);
      client.socket.terminate();
      await edge.sessions.until('s', (state) => state.client === null);
      const gateway = which === 'the same' ? edge : await open({}, edge.backstage);
      const again = await gateway.client();
      // An incomplete last sample may have been acknowledged: nothing more is wanted.
      expect((await again.session()).durableBytes).toBe(1001);
      again.send(audio(1000, 1000));
      again.say({ type: 'end' });
      edge.sessions.grant('s');
      const worker = await gateway.worker({ epoch: 1 });
      expect(await worker.inbox.next('end')).toEqual({ type: 'end', bytes: 1000 });
      expect(worker.inbox.audio.equals(audio(1000))).toBe(true);
      await edge.sessions.complete('s');
      expect(await again.inbox.next('done')).toMatchObject({ audioMs: 31 });
      expect(await gateway.stored()).toHaveLength(1000);
    },
  );

  test('that a gateway sealed but could not tell is told by the next one', async () => {
    const backstage = new Backstage();
    const first = await open({}, backstage);
    const client = await first.client();
    client.send(audio(1000));
    await client.acked(1000);
    await backstage.audioLog.seal(objectKeys.audio({ tenant: 't', id: 's' }), 1000);
    const second = await open({}, backstage);
    const again = await second.client();
    await again.session();
    again.say({ type: 'end' });
    await backstage.sessions.until('s', (state) => state.audioEndByte === 1000);
  });

  test('without any audio ends the session with nothing', async () => {
    const edge = await open();
    const client = await edge.client();
    client.say({ type: 'end' });
    await edge.sessions.until('s', (state) => state.audioEndByte === 0);
    edge.sessions.grant('s');
    const worker = await edge.worker({ epoch: 1 });
    expect(await worker.inbox.next('end')).toEqual({ type: 'end', bytes: 0 });
  });

  test('forced while the client is away seals what is stored', async () => {
    const edge = await open();
    const { client, worker } = await streaming(edge);
    client.send(audio(1000));
    await worker.inbox.audioOf(1000);
    client.socket.terminate();
    await edge.sessions.until('s', (state) => state.client === null);
    worker.socket.close(PLANE_CLOSE.done);
    edge.sessions.command('s', { type: 'ExpireWindow' });
    const drain = await edge.worker({ epoch: 1, fromByte: 400, drain: true });
    expect(await drain.inbox.next('end')).toEqual({ type: 'end', bytes: 1000 });
    expect(drain.inbox.audio.equals(audio(600, 400))).toBe(true);
  });
});

describe('finalize', () => {
  test('reaches the worker behind the audio that came before it', async () => {
    const edge = await open();
    const { client, worker } = await streaming(edge);
    for (let round = 0; round < 20; round += 1) {
      client.send(audio(100, 100 * round));
      client.say({ type: 'finalize' });
      await worker.inbox.next('finalize', round);
      expect(worker.inbox.audio).toHaveLength(100 * (round + 1));
    }
  });
});

describe('a worker', () => {
  test('that dies is reported at once with its epoch, and its epoch does not come back', async () => {
    const edge = await open();
    const { worker } = await streaming(edge);
    worker.socket.terminate();
    const lost = await edge.sessions.untilAsked('workerLost');
    expect(lost).toMatchObject({ workflowId: 'session/t/s', facts: { epoch: 1 } });
    const zombie = await edge.worker({ epoch: 1 });
    expect(await zombie.code()).toBe(PLANE_CLOSE.fenced);
  });

  test('of a newer epoch takes over; the older is fenced', async () => {
    const edge = await open();
    const { worker } = await streaming(edge);
    await edge.worker({ epoch: 2 });
    expect(await worker.code()).toBe(PLANE_CLOSE.fenced);
    await turns();
    expect(edge.sessions.asked.filter(({ what }) => what === 'workerLost')).toEqual([]);
  });

  test('of an older epoch is refused, also when the newer one has ended', async () => {
    const edge = await open();
    const { worker } = await streaming(edge);
    const newer = await edge.worker({ epoch: 2 });
    await worker.code();
    expect(await (await edge.worker({ epoch: 1 })).code()).toBe(PLANE_CLOSE.fenced);
    newer.socket.close(PLANE_CLOSE.done);
    await newer.code();
    expect(await (await edge.worker({ epoch: 1 })).code()).toBe(PLANE_CLOSE.fenced);
  });

  test('that dials again with the same lease replaces its own socket', async () => {
    const edge = await open();
    const { client, worker } = await streaming(edge);
    client.send(audio(100));
    await worker.inbox.audioOf(100);
    const again = await edge.worker({ epoch: 1, fromByte: 60 });
    expect(await worker.code()).toBe(PLANE_CLOSE.goingAway);
    expect((await again.inbox.audioOf(40)).equals(audio(40, 60))).toBe(true);
    await turns();
    expect(edge.sessions.asked.filter(({ what }) => what === 'workerLost')).toEqual([]);
  });

  test('of a span gets exactly its bytes', async () => {
    const edge = await open();
    await edge.backstage.audioLog.append(objectKeys.audio({ tenant: 't', id: 'f' }), 0, audio(5000));
    const worker = await edge.worker({
      epoch: 1,
      id: 'f',
      workflowId: 'session/t/f/span/3',
      fromByte: 1000,
      toByte: 3000,
    });
    expect(await worker.inbox.next('end')).toEqual({ type: 'end', bytes: 3000 });
    expect(worker.inbox.audio.equals(audio(2000, 1000))).toBe(true);
  });

  test('is told to pause when the client stays away longer than the grace', async () => {
    const edge = await open({ clientGraceMs: 20 });
    const { client, worker } = await streaming(edge);
    client.socket.terminate();
    await worker.inbox.next('pause');
  });

  test('serves on when a connection that its client had given up comes through at last', async () => {
    const edge = await open();
    const client = await edge.client('session=s&client=phone&attempt=2');
    await client.session();
    const ghost = await edge.client('session=s&client=phone&attempt=1');
    expect(await ghost.code()).toBe(4409);
    client.send(audio(100));
    await client.acked(100);
    const next = await edge.client('session=s&client=phone&attempt=3');
    await next.session();
    expect(await client.code()).toBe(4409);
  });

  test('is told to pause when the client sends nothing, and is asked for again when audio comes', async () => {
    const edge = await open({ quietGraceMs: 20 });
    const { client, worker } = await streaming(edge);
    client.send(audio(100));
    expect(await worker.inbox.next('pause')).toEqual({ type: 'pause', quiet: true });
    worker.socket.close(PLANE_CLOSE.leaseEnded);
    await worker.code();
    edge.sessions.endStream('s', 'quiet');
    await turns();
    expect(edge.sessions.state('s')).toMatchObject({ phase: { name: 'idle' }, client: {} });
    client.send(audio(100, 100));
    await edge.sessions.until('s', ({ phase }) => phase.name === 'queued');
    edge.sessions.grant('s');
    const next = await edge.worker({ epoch: 2, fromByte: 100 });
    expect((await next.inbox.audioOf(100)).equals(audio(100, 100))).toBe(true);
    await client.inbox.until(() => client.inbox.ofType('started').length === 2);
  });

  test('that has a client again which spoke while it paused is asked for at once', async () => {
    const edge = await open({ quietGraceMs: 20 });
    const { client, worker } = await streaming(edge);
    await worker.inbox.next('pause');
    client.send(audio(100));
    await client.acked(100);
    worker.socket.close(PLANE_CLOSE.leaseEnded);
    await edge.sessions.untilAsked('attach', 2);
    edge.sessions.endStream('s', 'quiet', 1);
    expect(edge.sessions.state('s').phase.name).toBe('queued');
  });

  test('that paused for a quiet client is asked for when the client says its end', async () => {
    const edge = await open({ quietGraceMs: 20 });
    const { client, worker } = await streaming(edge);
    await worker.inbox.next('pause');
    worker.socket.close(PLANE_CLOSE.leaseEnded);
    edge.sessions.endStream('s', 'quiet');
    client.say({ type: 'end' });
    await edge.sessions.until('s', ({ phase }) => phase.name === 'queued');
  });

  test('is not told to pause when the client is there', async () => {
    const edge = await open({ clientGraceMs: 1 });
    const { client, worker } = await streaming(edge);
    client.send(audio(100));
    await worker.inbox.audioOf(100);
    await client.acked(100);
    expect(worker.inbox.ofType('pause')).toEqual([]);
  });

  test('with a wrong key, or a dial that makes no sense, is refused', async () => {
    const edge = await open({ internalKey: 'k' });
    expect(await (await edge.worker({ epoch: 1 })).code()).toBe(PLANE_CLOSE.refused);
    expect(await (await edge.worker({ epoch: 1 }, { authorization: 'Bearer x' })).code()).toBe(PLANE_CLOSE.refused);
    const headers = { authorization: 'Bearer k' };
    for (const wrong of [
      { epoch: -1 },
      { epoch: 1, session: '../x' },
      { epoch: 1, fromByte: 'x' },
      { epoch: 1, workflowId: '' },
    ]) {
      const worker = await edge.worker(wrong as { epoch: number }, headers);
      expect(await worker.code()).toBe(PLANE_CLOSE.refused);
    }
    const ours = await edge.worker({ epoch: 1, id: 'f', toByte: 0 }, headers);
    await ours.inbox.next('end');
  });
});

describe('engines behind the gateway', () => {
  test('Temporal away: a new session is refused and told to come again', async () => {
    const edge = await open();
    edge.sessions.away = new Failure('temporal_unavailable', 'Temporal does not answer: try again later');
    const client = await edge.client();
    expect(await client.inbox.next('error')).toMatchObject({ code: 'temporal_unavailable', retryable: true });
    expect(await client.code()).toBe(1013);
  });

  test('Temporal away when a client goes: it is told as soon as it is back', async () => {
    const edge = await open();
    const client = await edge.client();
    await client.session();
    edge.sessions.away = new Failure('temporal_unavailable', 'away');
    client.socket.terminate();
    await edge.sessions.untilAsked('detach', 2);
    edge.sessions.away = null;
    await edge.sessions.until('s', (state) => state.client === null);
  });

  test('storage away: a client is refused as such, and the workflow knows that nobody is there', async () => {
    const backstage = new Backstage();
    const fault = Object.assign(new Error('ECONNREFUSED 10.0.0.7'), { reason: 'storage_unavailable' });
    const broken = { extent: () => Promise.reject(fault) };
    const audioLog = Object.assign(Object.create(backstage.audioLog) as typeof backstage.audioLog, broken);
    const edge = await open({}, backstage, { audioLog });
    const client = await edge.client();
    const error = await client.inbox.next<{ code: string; message: string }>('error');
    expect(error).toMatchObject({ code: 'storage_unavailable', retryable: true });
    expect(error.message).not.toContain('10.0.0.7');
    expect(await client.code()).toBe(1013);
    await edge.sessions.until('s', (state) => state.client === null);
  });

  test('storage away in mid-session: nothing is acknowledged, the worker goes on, and it recovers by itself', async () => {
    const backstage = new Backstage();
    let isAway = true;
    const append = (prefix: string, at: number, bytes: Uint8Array) =>
      isAway ? Promise.reject(new Error('away')) : backstage.audioLog.append(prefix, at, bytes);
    const audioLog = Object.assign(Object.create(backstage.audioLog) as typeof backstage.audioLog, { append });
    const edge = await open({}, backstage, {
      audioLog: {
        append: audioLog.append.bind(audioLog),
        extent: (prefix) => backstage.audioLog.extent(prefix),
        seal: (prefix, at) => backstage.audioLog.seal(prefix, at),
        read: (prefix, from, to) => backstage.audioLog.read(prefix, from, to),
      },
    });
    const { client, worker } = await streaming(edge);
    client.send(audio(1000));
    await worker.inbox.audioOf(1000);
    expect(client.inbox.ofType('ack')).toEqual([]);
    isAway = false;
    await client.acked(1000);
    expect((await edge.stored()).equals(audio(1000))).toBe(true);
  });
});

describe('a gateway that ends', () => {
  test('stores what came, tells its client to connect again, and its worker to dial again', async () => {
    const edge = await open();
    const { client, worker } = await streaming(edge);
    client.send(audio(1000));
    await worker.inbox.audioOf(1000);
    await edge.server.drain();
    expect(await client.inbox.next('error')).toMatchObject({ code: 'shutting_down', retryable: true });
    expect(await client.code()).toBe(1012);
    expect(await worker.code()).toBe(PLANE_CLOSE.goingAway);
    expect(await edge.stored()).toHaveLength(1000);
    expect(edge.sessions.state('s').client).not.toBeNull();
  });

  test('does not wait for storage that is away before it tells its client: what is not acknowledged comes again', async () => {
    const backstage = new Backstage();
    const { audioLog } = backstage;
    const edge = await open({}, backstage, {
      audioLog: {
        append: () => Promise.reject(new Error('away')),
        extent: (prefix) => audioLog.extent(prefix),
        seal: (prefix, at) => audioLog.seal(prefix, at),
        read: (prefix, from, to) => audioLog.read(prefix, from, to),
      },
    });
    const { client, worker } = await streaming(edge);
    client.send(audio(1000));
    await worker.inbox.audioOf(1000);
    await edge.server.drain();
    expect(await client.code()).toBe(1012);
    expect(await worker.code()).toBe(PLANE_CLOSE.goingAway);
    expect(client.inbox.ofType('ack')).toEqual([]);
  });
});
