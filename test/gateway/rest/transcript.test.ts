/** A transcript comes in the format that is asked for, by `format` or by `Accept`, of sessions that run and that have ended. */
import { objectKeys, TRANSCRIPT_FORMATS } from '../../../workflows/contract.ts';
import { render } from '../../../workflows/render.ts';
import { Edge } from '../../harness/edge.ts';
import { segment } from '../../workflows/session/given.ts';

let edge: Edge;
beforeEach(async () => (edge = await new Edge().listen()));
afterEach(() => edge.end());

const TYPES = {
  json: 'application/json',
  verbose_json: 'application/json',
  txt: 'text/plain',
  srt: 'application/x-subrip',
  vtt: 'text/vtt',
  tsv: 'text/tab-separated-values',
} as const;

const document = {
  ...{ id: 'old', tenant: 't', model: 'en', language: 'en', state: 'completed', audioMs: 2000 },
  text: 'segment 0 segment 1',
  segments: [segment(0), segment(1)],
} as const;

const asked = async (query: string, accept?: string) => {
  const headers = accept === undefined ? {} : { Accept: accept };
  const response = await fetch(`${edge.url}/v1/sessions/old/transcript${query}`, { headers });
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text(), response };
};

const store = () =>
  edge.backstage.objects.put(
    objectKeys.transcript({ tenant: 't', id: 'old' }, null, 'json'),
    Buffer.from(JSON.stringify(document)),
  );

test.each(['verbose_json', 'tsv'] as const)(
  'a session that ended before there was %s has it, made of what was written then',
  async (format) => {
    await store();
    const { status, type, text } = await asked(`?format=${format}`);
    expect({ status, type }).toEqual({ status: 200, type: `${TYPES[format]}; charset=utf-8` });
    expect(text).toBe(render(document, format));
  },
);

test.each(TRANSCRIPT_FORMATS)('a live session that goes on is read as %s', async (format) => {
  const client = await edge.client('session=old');
  await client.session();
  edge.backstage.sessions.grant('old');
  edge.backstage.sessions.commit('old', [segment(0), segment(1)], 64_000);
  const { status, type, text } = await asked(`?format=${format}`);
  expect({ status, type }).toEqual({ status: 200, type: `${TYPES[format]}; charset=utf-8` });
  expect(text).toBe(render({ ...document, state: 'streaming' }, format));
});

test.each([
  ['*/*', 'json'],
  ['application/json', 'json'],
  ['text/html,application/xhtml+xml,*/*;q=0.8', 'json'],
  ['text/plain', 'txt'],
  ['text/vtt, text/plain;q=0.5', 'vtt'],
  ['application/x-subrip', 'srt'],
  ['text/tab-separated-values', 'tsv'],
] as const)('Accept: %s is answered with %s', async (accept, format) => {
  const client = await edge.client('session=old');
  await client.session();
  const { type, response } = await asked('', accept);
  expect(type).toBe(`${TYPES[format]}; charset=utf-8`);
  expect(response.headers.get('vary')).toContain('Accept');
});

test('`format` goes before Accept; a type that there is not is refused with those there are', async () => {
  await store();
  expect((await asked('?format=tsv', 'application/json')).type).toContain('text/tab-separated-values');
  const { status, text } = await asked('', 'text/html');
  expect({ status, body: JSON.parse(text) as unknown }).toMatchObject({
    status: 406,
    body: { code: 'not_acceptable', detail: expect.stringContaining('text/vtt') as string },
  });
});
