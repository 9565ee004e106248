/** A resumable upload (tus) outlives the gateway that takes it: the client asks how far it is, and goes on from there. */
import { join } from 'node:path';
import { Upload } from 'tus-js-client';
import { openUpload } from '../../activities/upload-source.ts';
import { openFolder } from '../../infra/objects/folder.ts';
import { objectKeys } from '../../workflows/contract.ts';
import type { TranscriptDocument } from '../../workflows/contract.ts';
import { noise } from '../harness/caller.ts';
import { finishedFile, postFile, wav } from '../harness/files.ts';
import { MeasuredLine } from '../harness/measured-line.ts';
import { System } from '../harness/system.ts';
import { until } from '../harness/until.ts';

/** A part is stored whole or not at all: what a killed gateway has of one in memory is sent again. */
const PART_BYTES = 4 << 20;
/** Of the part that is under way when the gateway is killed. */
const MORE_BYTES = 1_500_000;
const AUDIO_MS = 500_000;
const FILE = wav(noise('resumed', AUDIO_MS));

let system: System;
let line: MeasuredLine;
beforeAll(async () => {
  system = await System.start({
    models: { en: { engine: 'scripted', segmentMs: 5000 } },
    settings: { LONGHAND_WORKER_SILENCE_MS: '5000' },
  });
  line = await MeasuredLine.to(system.port);
}, 120_000);
afterAll(async () => {
  line.close();
  await system.stop();
}, 30_000);

interface Asked {
  readonly method: string;
  readonly status: number;
  /** Upload-Offset of the answer. */
  readonly offset: string | undefined;
}

/** A client that no one here wrote, at its work; it tries again and again while nobody answers. */
class Client {
  readonly asked: Asked[] = [];
  readonly finished: Promise<unknown>;
  readonly #upload: Upload;

  constructor(bytes: Uint8Array) {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.finished = promise;
    this.#upload = new Upload(Buffer.from(bytes), {
      endpoint: `http://127.0.0.1:${line.port}/v1/uploads`,
      metadata: { filename: 'talk.wav' },
      retryDelays: Array.from({ length: 500 }, () => 50),
      onAfterResponse: (request, response) => {
        const offset = response.getHeader('upload-offset');
        this.asked.push({ method: request.getMethod(), status: response.getStatus(), offset });
      },
      onSuccess: resolve,
      onError: reject,
    });
    this.#upload.start();
  }

  get id(): string {
    return this.#upload.url?.split('/').at(-1) ?? '';
  }
}

const stored = async (id: string): Promise<Buffer> => {
  const content = await openUpload(await openFolder(join(system.folder, 'objects')), 'default', id);
  return Buffer.concat(content === null ? [] : await Array.fromAsync(content));
};

/** Bytes of each part that is stored. */
const parts = async (id: string): Promise<number[]> => {
  const objects = await openFolder(join(system.folder, 'objects'));
  const listed = await Array.fromAsync(objects.list(objectKeys.uploadParts('default', id)));
  return listed.map(({ bytes }) => bytes);
};

const textsOf = ({ segments }: TranscriptDocument): string[] => segments.map(({ text }) => text);

test('a gateway killed again and again in the middle of a PATCH: the client asks how far it is, and no byte is lost or changed', async () => {
  line.allow(MORE_BYTES);
  const client = new Client(FILE);
  for (const whole of [0, 1, 2]) {
    await until(
      `the line is held in the middle of a part, ${whole} are stored`,
      async () => ({ isSpent: line.isSpent, parts: client.id === '' ? null : await parts(client.id) }),
      (seen) => seen.isSpent && seen.parts?.length === whole,
    );
    await system.gateway.kill();
    line.allow(0);
    await system.restartGateway();
    line.allow(whole < 2 ? PART_BYTES + MORE_BYTES : Number.POSITIVE_INFINITY);
  }
  await client.finished;
  expect(client.asked).toEqual([
    { method: 'POST', status: 201, offset: undefined },
    ...[0, 1, 2].map((whole) => ({ method: 'HEAD', status: 200, offset: String(whole * PART_BYTES) })),
    { method: 'PATCH', status: 204, offset: String(FILE.length) },
  ]);
  expect((await stored(client.id)).equals(FILE)).toBe(true);

  await postFile(system, FILE, '?session=unbroken');
  const answer = await fetch(`${system.httpUrl}/v1/sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ uploadId: client.id, session: 'broken' }),
  });
  expect(answer.status).toBe(202);
  const broken = await finishedFile(system, 'broken');
  const unbroken = await finishedFile(system, 'unbroken');
  expect(broken.audioMs).toBe(AUDIO_MS);
  expect(textsOf(broken)).toEqual(textsOf(unbroken));
  expect(textsOf(broken).length).toBeGreaterThan(90);
}, 120_000);
