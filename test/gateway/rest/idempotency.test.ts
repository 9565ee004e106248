/** A request made again under its Idempotency-Key does its work once. */
import { idempotencyKey, idOfKey } from '../../../gateway/rest/idempotency.ts';
import { Failure } from '../../../gateway/failures.ts';
import { Edge } from '../../harness/edge.ts';

let edge: Edge;
beforeEach(async () => (edge = await new Edge().listen()));
afterEach(() => edge.end());

const audio = (seed: number): Buffer => Buffer.from(Array.from({ length: 20_000 }, (_, i) => (i * seed) % 251));

async function post(body: Buffer | FormData, key: string | null, query = '') {
  const headers: Record<string, string> = key === null ? {} : { 'idempotency-key': key };
  const response = await fetch(`${edge.url}/v1/sessions${query}`, {
    method: 'POST',
    body: body instanceof FormData ? body : new Uint8Array(body),
    headers,
  });
  return { status: response.status, body: (await response.json()) as { id?: string; code?: string; detail?: string } };
}

const uploads = (): string[] => [...edge.backstage.objects.objects.keys()].filter((key) => key.startsWith('uploads/'));

describe('a file posted under an Idempotency-Key', () => {
  test('again with the same body is the same session, and its second copy is not kept', async () => {
    const first = await post(audio(7), '"8e03978e"');
    const second = await post(audio(7), '"8e03978e"');
    expect(first).toMatchObject({ status: 202 });
    expect(second).toEqual(first);
    expect(edge.backstage.sessions.files).toHaveLength(1);
    expect(uploads()).toHaveLength(1);
  });

  test('with another body, another parameter or another file name is refused, and nothing is kept', async () => {
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(audio(7))]), 'talk.wav');
    await post(audio(7), 'k');
    for (const answer of [
      await post(audio(8), 'k'),
      await post(audio(7), 'k', '?priority=low'),
      await post(audio(7).subarray(1), 'k'),
      await post(form, 'k'),
    ]) {
      expect(answer).toMatchObject({ status: 422, body: { code: 'idempotency_mismatch' } });
    }
    expect(edge.backstage.sessions.files).toHaveLength(1);
    expect(uploads()).toHaveLength(1);
  });

  test('fifty times at once is one session', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => post(audio(7), 'fifty')));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(edge.backstage.sessions.files).toHaveLength(1);
    expect(uploads()).toHaveLength(1);
  });

  test('fifty times at once with two bodies is one session, and every other body is told', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => post(audio(7 + (i % 2)), 'two')));
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(25);
    expect(answers.filter(({ status }) => status === 422)).toHaveLength(25);
    expect(edge.backstage.sessions.files).toHaveLength(1);
    expect(uploads()).toHaveLength(1);
  });

  test('as a form or as a raw body of the same name and bytes is the same request', async () => {
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(audio(7))]), 'talk.wav');
    const first = await post(form, 'k');
    expect(await post(audio(7), 'k', '?filename=talk.wav')).toEqual(first);
  });

  test('that the decoder refused is refused again in the same words', async () => {
    edge.backstage.sessions.probeAnswer = { ok: false, reason: 'unsupported_audio', detail: 'not audio' };
    const first = await post(audio(7), 'bad');
    expect(first).toMatchObject({ status: 415, body: { code: 'unsupported_audio' } });
    edge.backstage.sessions.probeAnswer = null;
    edge.backstage.sessions.fileView = { state: 'failed', reason: 'unsupported_audio', detail: 'not audio' };
    expect(await post(audio(7), 'bad')).toEqual(first);
  });

  test('may not name its session besides: one key could then make two', async () => {
    expect(await post(audio(7), 'k', '?session=mine')).toMatchObject({
      status: 400,
      body: { code: 'invalid_parameter' },
    });
    expect(uploads()).toEqual([]);
  });

  test('under two keys is two sessions', async () => {
    const [a, b] = [await post(audio(7), 'a'), await post(audio(7), 'b')];
    expect(a.body.id).not.toBe(b.body.id);
  });
});

describe('the header', () => {
  const key = (header: string) => idempotencyKey({ headers: { 'idempotency-key': header } });

  test('is a String of RFC 8941, or the same without quotes', () => {
    expect(idempotencyKey({ headers: {} })).toBeNull();
    expect(key('"a b"')).toBe('a b');
    expect(key('"a\\"b\\\\"')).toBe('a"b\\');
    expect(key('8e03978e-40d5-43dd-bc93-6894a57f9324')).toBe('8e03978e-40d5-43dd-bc93-6894a57f9324');
    expect(key('x'.repeat(255))).toHaveLength(255);
  });

  test.each(['', '""', 'a b', '"a', 'a"b', '"\u00e9"', 'x'.repeat(256), `"${'x'.repeat(256)}"`, 'a\u0007'])(
    'that is none is refused with what is allowed (%#)',
    (header) => {
      expect(() => key(header)).toThrow(Failure);
      expect(() => key(header)).toThrow('1 to 255 printable ASCII');
    },
  );

  test('gives an id that is a UUID, the same for the same key and kind', () => {
    expect(idOfKey('session', 'k')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(idOfKey('session', 'k')).toBe(idOfKey('session', 'k'));
    expect(idOfKey('batch', 'k')).not.toBe(idOfKey('session', 'k'));
  });
});
