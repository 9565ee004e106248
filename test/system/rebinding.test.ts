/** A name that leads to the public Internet when it is given, and inside when it is spoken to, is spoken to by nobody. Bad input, row 23. */
import { noise } from '../harness/caller.ts';
import { FileServer } from '../harness/file-server.ts';
import { finishedFile, postFile, wav } from '../harness/files.ts';
import { NameServer } from '../harness/name-server.ts';
import { connect } from '../harness/sockets.ts';
import { System } from '../harness/system.ts';
import { until } from '../harness/until.ts';
import { WebhookReceiver } from '../harness/webhook-receiver.ts';

const PUBLIC = '93.184.216.34';
const INSIDE = '127.0.0.1';
const AUDIO = wav(noise('rebinding', 800));

let names: NameServer;
let files: FileServer;
let receiver: WebhookReceiver;
let system: System;
beforeAll(async () => {
  names = await new NameServer().listen();
  files = await new FileServer().listen();
  receiver = await new WebhookReceiver().listen();
  system = await System.start({
    models: { en: { engine: 'scripted', segmentMs: 400 } },
    settings: {
      ...names.settings,
      LONGHAND_OUTBOUND_ALLOW: 'allowed.example',
      LONGHAND_WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
      LONGHAND_WEBHOOK_RETRY_MS: '100',
    },
  });
}, 120_000);
afterAll(async () => {
  await system.stop();
  receiver.close();
  files.close();
  names.close();
}, 30_000);

/** The same address by another name. */
const by = (host: string, url: string): string => url.replace(INSIDE, host);

const postAddress = (path: string, body: object): Promise<Response> =>
  fetch(`${system.httpUrl}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

const failureOf = async (session: string): Promise<unknown> => {
  const { error } = await until(
    `${session} has failed`,
    () => system.json(`/v1/sessions/${session}`) as Promise<{ state: string; error: unknown }>,
    ({ state }) => state === 'failed',
  );
  return error;
};

interface Told {
  readonly session: string;
  readonly state: string;
  readonly id: string;
}
const toldOf = (session: string, state: string): Promise<unknown> =>
  until(
    `${session} is told or given up`,
    async () => ((await system.json('/v1/webhooks?limit=200')) as { webhooks: Told[] }).webhooks,
    (all) => all.some((one) => one.session === session && one.state === state),
  ).then((all) => system.json(`/v1/webhooks/${all.find((one) => one.session === session)?.id ?? ''}`));

test('a name that stays where it may lead is fetched from, and told: the name server is the one that is asked', async () => {
  names.name('allowed.example', INSIDE);
  const url = by('allowed.example', files.at('/allowed.wav', AUDIO));
  const webhook = by('allowed.example', receiver.at('/allowed'));
  expect((await postAddress('/v1/sessions', { url, webhook, session: 'allowed' })).status).toBe(202);
  expect((await finishedFile(system, 'allowed')).audioMs).toBe(800);
  expect(await toldOf('allowed', 'delivered')).toMatchObject({ state: 'delivered' });
  expect(files.timesOf('/allowed.wav')).toBe(1);
  expect(names.timesOf('allowed.example')).toBeGreaterThanOrEqual(4);
});

test('the address of a file: taken when it is given, refused at the connection, and nothing is fetched', async () => {
  names.name('file.example', PUBLIC, INSIDE);
  const url = by('file.example', files.at('/inside.wav', AUDIO));
  const answer = await postAddress('/v1/sessions', { url, session: 'rebound' });
  expect(await failureOf('rebound')).toMatchObject({ code: 'forbidden_address' });
  // By when it is refused the client may have been answered.
  expect([202, 400]).toContain(answer.status);
  expect(names.timesOf('file.example')).toBe(2);
  expect(files.asked).not.toContain('/inside.wav');
});

test('a redirect to a name that leads inside by then', async () => {
  names.name('allowed.example', INSIDE);
  names.name('moved.example', INSIDE);
  const location = by('moved.example', files.at('/behind.wav', AUDIO));
  const url = files.at('/redirect', (response) => void response.writeHead(302, { location }).end());
  await postAddress('/v1/sessions', { url: by('allowed.example', url), session: 'redirected' });
  expect(await failureOf('redirected')).toMatchObject({ code: 'forbidden_address' });
  expect(files.timesOf('/redirect')).toBe(1);
  expect(files.asked).not.toContain('/behind.wav');
});

test('the address of a file by Deepgram’s dialect: the same', async () => {
  names.name('deepgram.example', PUBLIC, INSIDE);
  const url = by('deepgram.example', files.at('/deepgram.wav', AUDIO));
  const answer = await postAddress('/v1/listen', { url });
  expect(answer.status).toBe(400);
  expect(names.timesOf('deepgram.example')).toBe(2);
  expect(files.asked).not.toContain('/deepgram.wav');
});

test('a receiver: taken when it is given, given up at the connection, and told nothing', async () => {
  names.name('hooks.example', PUBLIC, INSIDE);
  const webhook = by('hooks.example', receiver.at('/rebound'));
  const query = `?session=hooked&webhook=${encodeURIComponent(webhook)}`;
  expect((await postFile(system, AUDIO, query)).status).toBe(202);
  await finishedFile(system, 'hooked');
  expect(await toldOf('hooked', 'dead')).toMatchObject({ state: 'dead', reason: 'forbidden' });
  expect(names.timesOf('hooks.example')).toBe(2);
  expect(receiver.of('/rebound')).toEqual([]);
});

test('where the results of a Deepgram client’s call are to go: the same', async () => {
  names.name('called.example', PUBLIC, INSIDE);
  const callback = encodeURIComponent(by('called.example', receiver.at('/called')));
  const { socket, inbox } = await connect(
    `${system.url}/v1/listen?session=called&encoding=linear16&sample_rate=16000&callback=${callback}`,
  );
  socket.send(noise('called', 800));
  socket.send(JSON.stringify({ type: 'CloseStream' }));
  expect(await inbox.closed).toMatchObject({ code: 1000 });
  expect(inbox.ofType('Results').length).toBeGreaterThan(0);
  expect(await toldOf('called', 'dead')).toMatchObject({ state: 'dead', reason: 'forbidden', results: 0 });
  expect(names.timesOf('called.example')).toBe(2);
  expect(receiver.of('/called')).toEqual([]);
});
