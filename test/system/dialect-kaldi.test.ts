/**
 * kaldi-gstreamer-server's clients against the real system: the wire of dictate.js with the scripted engine while workers die, a
 * browser with a recording for a microphone and the real model, Debian's python3-websockets, curl.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { writeFile } from 'node:fs/promises';
import { WebSocket } from 'ws';
import { describeInBrowser, openBrowser } from '../harness/browser.ts';
import { noise, undisturbed } from '../harness/caller.ts';
import { describeWithWebsockets, python } from '../harness/python.ts';
import { wav } from '../harness/sound.ts';
import { System } from '../harness/system.ts';
import { until } from '../harness/until.ts';
import { readSpeech } from '../speech/speech.ts';
import { wordErrorRate } from '../speech/word-error-rate.ts';
import { run } from '../workers/cli/stand-in.ts';

const SEGMENT_MS = 400;
/** A browser's own processing of the microphone, and a codec, make speech worse than the model's own figure. */
const MAX_ERROR_RATE = 0.35;
const RAW =
  'content-type=audio/x-raw,+layout=(string)interleaved,+rate=(int)16000,+format=(string)S16LE,+channels=(int)1';
const sample = (name: string): string => fileURLToPath(new URL(`../speech/${name}`, import.meta.url));

let system: System;
beforeAll(async () => {
  system = await System.start({
    models: { en: { engine: 'scripted', segmentMs: SEGMENT_MS }, talk: { engine: 'moonshine' } },
    workers: 2,
    settings: { LONGHAND_WORKER_SILENCE_MS: '5000', LONGHAND_VOSK_PORT: '0' },
  });
  await system.addWorker({ LONGHAND_MODEL: 'talk' });
}, 180_000);
afterAll(() => system.stop(), 30_000);

interface Said {
  readonly status: number;
  readonly id: string;
  readonly segment?: number;
  readonly result?: { readonly final: boolean; readonly hypotheses: readonly { readonly transcript: string }[] };
}

/** The wire of dictate.js: 250 ms of samples at a time, `EOS`, results until the server closes. */
class Dictation {
  readonly said: Said[] = [];
  readonly closed: Promise<number>;
  readonly #socket: WebSocket;

  constructor(query: string) {
    this.#socket = new WebSocket(`${system.url}/client/ws/speech?${query}`);
    this.#socket.on('message', (data) => this.said.push(JSON.parse((data as Buffer).toString('utf8')) as Said));
    this.closed = once(this.#socket, 'close').then(([code]) => code as number);
  }

  get finals(): Said[] {
    return this.said.filter(({ result }) => result?.final);
  }

  get texts(): (string | undefined)[] {
    return this.finals.map(({ result }) => result?.hypotheses[0]?.transcript);
  }

  /** Speaks twice as fast as real time; the code with which the server closes. */
  async speak(audio: Buffer): Promise<number> {
    await once(this.#socket, 'open');
    for (let at = 0; at < audio.length; at += 8000) {
      this.#socket.send(audio.subarray(at, at + 8000));
      await pause(125);
    }
    this.#socket.send('EOS');
    return this.closed;
  }

  hasFinals(count: number): Promise<unknown> {
    return until(
      'so many finals',
      () => this.finals.length,
      (seen) => seen >= count,
    );
  }
}

const longhand = (...args: string[]) =>
  run(system.httpUrl, args, { LONGHAND_TEMPORAL_ADDRESS: system.temporal.address });

test('its worker is killed in mid-session: all words come, each once; the session is seen, recorded and replayed like any other', async () => {
  const audio = noise('kaldi-killed', 9000);
  const dictation = new Dictation(`${RAW}&session=kaldi-killed`);
  const code = dictation.speak(audio);
  await dictation.hasFinals(4);
  await (await system.workerOf('kaldi-killed')).kill();
  expect(await code).toBe(1000);
  expect(dictation.texts).toEqual(await undisturbed(audio, SEGMENT_MS));
  expect(dictation.finals.map(({ segment }) => segment)).toEqual(dictation.texts.map((_, i) => i));
  expect(dictation.said.every(({ status, id }) => status === 0 && id === 'kaldi-killed')).toBe(true);
  expect(await system.json('/v1/sessions/kaldi-killed')).toMatchObject({ state: 'completed', epoch: 2 });
  const file = join(system.folder, 'kaldi.json');
  expect(await longhand('record', 'kaldi-killed', '--output', file)).toMatchObject({ code: 0 });
  const replayed = await longhand('replay', file);
  expect({ code: replayed.code, ok: replayed.out.startsWith('ok ') }).toEqual({ code: 0, ok: true });
  await system.addWorker();
}, 90_000);

test('handed over in mid-session: the other worker goes on, and every word is in the transcript once', async () => {
  const audio = noise('kaldi-moved', 9000);
  const dictation = new Dictation(`${RAW}&session=kaldi-moved&user-id=desk%207&content-id=call/17`);
  const code = dictation.speak(audio);
  await dictation.hasFinals(4);
  const before = (await system.workerOf('kaldi-moved')).pid;
  expect((await fetch(`${system.httpUrl}/v1/sessions/kaldi-moved/handover`, { method: 'POST' })).status).toBe(202);
  await until(
    'another worker serves it',
    async () => (await system.workerOf('kaldi-moved').catch(() => null))?.pid,
    (pid) => pid !== undefined && pid !== before,
  );
  expect(await code).toBe(1000);
  const transcript = (await system.json('/v1/sessions/kaldi-moved/transcript')) as {
    segments: { text: string }[];
    audioMs: number;
  };
  expect(dictation.texts).toEqual(transcript.segments.map(({ text }) => text));
  expect(dictation.finals.map(({ segment }) => segment)).toEqual(dictation.texts.map((_, i) => i));
  expect(transcript.audioMs).toBe(9000);
  const labels = 'label=user-id:desk%207&label=content-id:call/17';
  const { sessions } = (await system.json(`/v1/sessions?${labels}`)) as { sessions: { id: string }[] };
  expect(sessions.map(({ id }) => id)).toEqual(['kaldi-moved']);
}, 90_000);

test('curl -T with a WAV file in chunks is answered with all of it', async () => {
  const audio = noise('kaldi-curl', 3000);
  const file = join(system.folder, 'f.wav');
  await writeFile(file, wav(audio));
  const args = ['-sS', '-T', file, '-H', 'Transfer-Encoding: chunked', `${system.httpUrl}/client/dynamic/recognize`];
  const { stdout } = await promisify(execFile)('curl', args);
  expect(JSON.parse(stdout)).toMatchObject({
    status: 0,
    hypotheses: [{ utterance: (await undisturbed(audio, SEGMENT_MS)).join(' ') }],
  });
}, 60_000);

test('the status says how many slots are free and how many sessions have ended', async () => {
  const socket = new WebSocket(`${system.url}/client/ws/status`);
  const [first] = (await once(socket, 'message')) as [Buffer];
  const { num_workers_available, num_requests_processed } = JSON.parse(first.toString('utf8')) as Record<
    string,
    number
  >;
  expect(num_workers_available).toBeGreaterThan(0);
  expect(num_requests_processed).toBeGreaterThan(2);
  socket.terminate();
});

describeWithWebsockets("Debian's python3-websockets", () => {
  test('the exchange of client.py: caps URL-encoded, blocks, EOS, finals until the server closes', async () => {
    const audio = noise('kaldi-python', 3000);
    const file = join(system.folder, 'python.raw');
    await writeFile(file, audio);
    const { stdout } = await python('kaldi_client.py', `${system.url}/client/ws/speech`, file);
    const { finals, code } = JSON.parse(stdout) as { finals: string[]; code: number };
    expect({ finals, code }).toEqual({ finals: await undisturbed(audio, SEGMENT_MS), code: 1000 });
  }, 60_000);

  test("the exchange of Vosk's test.py: one answer for each piece of audio, one after eof, no word lost", async () => {
    const audio = noise('vosk-python', 3000);
    const file = join(system.folder, 'python.wav');
    await writeFile(file, wav(audio));
    const { stdout } = await python(
      'vosk_test.py',
      `ws://127.0.0.1:${String(system.gateway.ready['voskPort'])}/`,
      file,
    );
    const answers = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { text?: string; partial?: string });
    expect(answers).toHaveLength(3000 / 200 + 1);
    const texts = answers.flatMap(({ text }) => (text === undefined ? [] : [text]));
    expect(texts.join(' ')).toBe((await undisturbed(audio, SEGMENT_MS)).join(' '));
  }, 60_000);
});

/** Of the 22 that are spoken: more than those before the last pause, and no more than must be heard. */
const ENOUGH_WORDS = 15;

/** In the page's own words: its types are not ours. As dictate.js does, and as pages do that record with MediaRecorder. */
const RECORD = (record: string, query: string): string => `(async () => {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const socket = new WebSocket('${system.url}/client/ws/speech?${query}');
  const said = [];
  socket.onmessage = ({ data }) => said.push(JSON.parse(data));
  const closed = new Promise((resolve) => (socket.onclose = ({ code }) => resolve(code)));
  await new Promise((resolve) => (socket.onopen = resolve));
  const stop = await (${record})(stream, (blob) => socket.readyState === 1 && socket.send(blob));
  const finals = () => said.filter(({ result }) => result && result.final).map(({ result }) => result.hypotheses[0].transcript);
  while (finals().join(' ').split(' ').length < ${ENOUGH_WORDS})
    await new Promise((resolve) => socket.addEventListener('message', resolve, { once: true }));
  await stop();
  socket.send('EOS');
  return { code: await closed, said };
})()`;

const PCM = `async (stream, send) => {
  const context = new AudioContext({ sampleRate: 16000 });
  const node = context.createScriptProcessor(4096, 1, 1);
  node.onaudioprocess = ({ inputBuffer }) => {
    const samples = inputBuffer.getChannelData(0);
    send(new Blob([Int16Array.from(samples, (x) => Math.max(-1, Math.min(1, x)) * 32767)]));
  };
  context.createMediaStreamSource(stream).connect(node);
  node.connect(context.destination);
  return () => context.close();
}`;

const WEBM = `async (stream, send) => {
  const recorder = new MediaRecorder(stream, { mimeType: 'audio/webm;codecs=opus' });
  recorder.ondataavailable = ({ data }) => data.size > 0 && send(data);
  recorder.start(250);
  return () => new Promise((resolve) => {
    recorder.onstop = resolve;
    recorder.stop();
  });
}`;

describeInBrowser('a page with a microphone', () => {
  test.each([
    ['samples, as dictate.js sends them', PCM, RAW],
    ["MediaRecorder's webm, decoded at the gateway", WEBM, 'content-type=audio/webm;codecs=opus'],
  ])(
    '%s: the words that were spoken come back while they are spoken',
    async (_, record, query) => {
      const browser = await openBrowser(sample('jfk.wav'));
      try {
        const page = await (await browser.newContext({ permissions: ['microphone'] })).newPage();
        await page.goto(system.httpUrl);
        const { code, said } = await page.evaluate<{ code: number; said: Said[] }>(
          RECORD(record, `${query}&model=talk`),
        );
        expect(code).toBe(1000);
        const finals = said.filter(({ result }) => result?.final);
        const heard = finals.map(({ result }) => result?.hypotheses[0]?.transcript).join(' ');
        expect(said.findIndex(({ result }) => result?.final === false)).toBeLessThan(
          said.findIndex(({ result }) => result?.final),
        );
        const { text } = await readSpeech('jfk.wav');
        expect(wordErrorRate(text, heard)).toBeLessThan(MAX_ERROR_RATE);
      } finally {
        await browser.close();
      }
    },
    90_000,
  );
});
