/** Bad inputs (rows 12, 13 and 14): JSON bodies and queries that are wrong get a clear answer, and change nothing. */
import { Edge } from '../../harness/edge.ts';

let edge: Edge;
beforeEach(async () => (edge = await new Edge().listen()));
afterEach(() => edge.end());

const URL_PART = '"url":"https://host-93-184-216-34.example/a.wav"';

async function post(body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) {
  const answer = await fetch(`${edge.url}/v1/sessions`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body,
  });
  return { status: answer.status, body: (await answer.json()) as { code: string; detail: string } };
}

const deep = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

test.each<[string, string | Uint8Array<ArrayBuffer>, number, string, RegExp]>([
  ['nested 7,000 deep', `{${URL_PART},"model":${deep(7000)}}`, 400, 'invalid_parameter', /^model: /],
  ['nested 7,000 deep and nothing else', deep(7000), 400, 'invalid_parameter', /^the body: /],
  ['with `__proto__`', `{${URL_PART},"__proto__":{"model":"x"}}`, 400, 'unknown_parameter', /__proto__/],
  ['with `constructor`', `{${URL_PART},"constructor":{"prototype":{}}}`, 400, 'unknown_parameter', /constructor/],
  ['with a key twice', `{${URL_PART},"model":"en","model":"en"}`, 400, 'invalid_parameter', /"model": given more/],
  [
    'with a key twice, once escaped',
    `{${URL_PART},"model":"en","\\u006dodel":"x"}`,
    400,
    'invalid_parameter',
    /"model"/,
  ],
  ['with a number beyond all numbers', `{${URL_PART},"model":1e400}`, 400, 'invalid_parameter', /^model: /],
  [
    'with half a character in an id',
    `{${URL_PART},"session":"a\\ud800"}`,
    400,
    'invalid_parameter',
    /^session: letters/,
  ],
  ['with half a character in a label', `{${URL_PART},"label":["a:\\udc00"]}`, 400, 'invalid_parameter', /^label/],
  ['with a byte order mark', `\ufeff{${URL_PART}}`, 400, 'invalid_parameter', /byte order mark/],
  ['that is not UTF-8', Uint8Array.from([0x7b, 0xff, 0x7d]), 400, 'invalid_parameter', /UTF-8/],
  ['that ends early', `{${URL_PART}`, 400, 'invalid_parameter', /not JSON/],
  ['that is empty', '', 400, 'invalid_parameter', /not JSON/],
  ['that is no object', '"https://a.example"', 400, 'invalid_parameter', /^the body: /],
  ['of 2 MB', `{${URL_PART},"model":"${'x'.repeat(2 << 20)}"}`, 413, 'upload_too_large', /at most/],
  ['with a model that is a path', `{${URL_PART},"model":"../../etc"}`, 400, 'unknown_model', /one of en/],
  ['with a model of the language itself', `{${URL_PART},"model":"__proto__"}`, 400, 'unknown_model', /one of en/],
  ['with a language that is not known', `{${URL_PART},"language":"tlh"}`, 400, 'unknown_language', /knows en/],
])('a JSON body %s is refused, and starts nothing', async (_what, body, status, code, detail) => {
  const answer = await post(body);
  expect(answer).toMatchObject({ status, body: { code, detail: expect.stringMatching(detail) as string } });
  expect(edge.sessions.files).toEqual([]);
  expect(({} as Record<string, unknown>)['model']).toBeUndefined();
});

test.each([
  ['/v1/sessions?limit=(int)5', 'invalid_parameter', /^limit: 1 to/],
  ['/v1/sessions?limit=', 'invalid_parameter', /^limit: 1 to/],
  ['/v1/sessions?state=', 'invalid_parameter', /^state: one of/],
  ['/v1/sessions?startedAfter=%ZZ', 'invalid_parameter', /^startedAfter: a time/],
  ['/v1/sessions?label=%ZZ', 'invalid_parameter', /^label/],
  ['/v1/sessions?%ZZ=1', 'unknown_parameter', /%ZZ/],
  ['/v1/sessions?cursor=%00', 'invalid_parameter', /^cursor: /],
  ['/v1/sessions/%ZZ', 'invalid_parameter', /address/],
  ['/v1/sessions/%ZZ/events', 'invalid_parameter', /address/],
  ['/v1/sessions/s/transcript?format=(string)json', 'invalid_parameter', /^format: one of/],
  ['/v1/sessions/s/transcript?format', 'invalid_parameter', /^format: one of/],
])('%s is answered %s', async (target, code, detail) => {
  const answer = await fetch(`${edge.url}${target}`);
  expect({ status: answer.status, body: await answer.json() }).toMatchObject({
    status: 400,
    body: { code, detail: expect.stringMatching(detail) as string },
  });
});

test.each(['model=../../etc', 'model=klingon', 'model=', 'language=../en'])(
  'a file posted with %s is refused before a byte is stored, with what is allowed',
  async (query) => {
    const answer = await fetch(`${edge.url}/v1/sessions?${query}`, { method: 'POST', body: 'x' });
    const { code, detail } = (await answer.json()) as { code: string; detail: string };
    expect({ status: answer.status, code }).toEqual({
      status: 400,
      code: expect.stringMatching(/^unknown_/) as string,
    });
    expect(detail).toMatch(/one of en|knows en/);
    expect(edge.sessions.files).toEqual([]);
  },
);
