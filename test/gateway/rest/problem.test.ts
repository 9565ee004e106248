/** Errors over real HTTP: problem+json from the one table, and nothing of the inside. */
import { Failure, FAILURES } from '../../../gateway/failures.ts';
import type { SessionsPort } from '../../../gateway/ports.ts';
import { Backstage, Edge } from '../../harness/edge.ts';

let edge: Edge;
const open = async (...args: ConstructorParameters<typeof Edge>): Promise<Edge> =>
  (edge = await new Edge(...args).listen());
afterEach(() => edge.end());

interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly code: keyof typeof FAILURES;
  readonly retryable: boolean;
}

async function problemOf(path: string, init: RequestInit = {}): Promise<{ response: Response; problem: Problem }> {
  const response = await fetch(`${edge.url}${path}`, init);
  expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  const problem = (await response.json()) as Problem;
  const row = FAILURES[problem.code];
  expect(problem).toMatchObject({ status: response.status, title: row.title, retryable: row.retryable });
  expect(response.status).toBe(row.httpStatus);
  expect(problem.type).toBe(`urn:longhand:problem:${problem.code}`);
  return { response, problem };
}

test.each([
  ['/nowhere', 'not_found'],
  ['/v1', 'not_found'],
  ['/v1/sessions/none', 'not_found'],
  ['/v1/sessions/..%2F..%2Fetc', 'not_found'],
  ['/v1/sessions/.hidden', 'not_found'],
  ['/v1/sessions/%00', 'not_found'],
  [`/v1/sessions/${'a'.repeat(200)}`, 'not_found'],
  ['/v1/sessions/none/transcript', 'not_found'],
  ['/v1/sessions/none/transcript?format=doc', 'invalid_parameter'],
  ['/v1/sessions/%ZZ', 'invalid_parameter'],
  ['/v1/sessions?limit=0', 'invalid_parameter'],
  ['/v1/sessions?limit=201', 'invalid_parameter'],
  ['/v1/sessions?limit=abc', 'invalid_parameter'],
  ['/v1/sessions?limit=1&limit=2', 'invalid_parameter'],
  ['/v1/sessions?cursor=%20', 'invalid_parameter'],
  ['/v1/sessions?page=2', 'unknown_parameter'],
  ['/v1/sessions?__proto__=2', 'unknown_parameter'],
])('GET %s is %s', async (path, code) => {
  await open();
  const { problem } = await problemOf(path);
  expect(problem.code).toBe(code);
  expect(problem.instance).toBe(path.split('?')[0]);
  expect(problem.detail).not.toBe('');
});

test.each([
  ['PUT', '/v1/sessions', 'POST, GET, HEAD'],
  ['POST', '/v1/sessions/s', 'GET, DELETE, HEAD'],
  ['PATCH', '/v1/workers', 'GET, HEAD'],
])('%s %s is not allowed, and says what is', async (method, path, allowed) => {
  await open();
  const { response, problem } = await problemOf(path, { method });
  expect(problem.code).toBe('method_not_allowed');
  expect(response.headers.get('allow')).toBe(allowed);
  expect(problem.detail).toContain(allowed);
});

test('a failure is told as it is, one that may pass with the time to wait', async () => {
  const backstage = new Backstage();
  await open({}, backstage);
  backstage.sessions.away = new Failure('temporal_unavailable', 'Temporal does not answer: try again later');
  const { response, problem } = await problemOf('/v1/sessions');
  expect(problem).toMatchObject({ code: 'temporal_unavailable', detail: 'Temporal does not answer: try again later' });
  expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
});

test('a fault of ours is logged, and told without its message', async () => {
  const backstage = new Backstage();
  const list = () => Promise.reject(new Error('password hunter2 of 10.0.0.7 at /srv/secret.ts'));
  await open({}, backstage, { sessions: Object.assign(Object.create(backstage.sessions) as SessionsPort, { list }) });
  const { problem } = await problemOf('/v1/sessions');
  expect(problem.code).toBe('internal');
  expect(JSON.stringify(problem)).not.toMatch(/hunter2|10\.0\.0\.7|secret/);
  expect(edge.lines.map(({ level, message }) => ({ level, message }))).toContainEqual({
    level: 'error',
    message: 'request failed',
  });
});

test('a refusal of the client’s is not logged as a fault', async () => {
  await open();
  await problemOf('/v1/sessions/none');
  expect(edge.lines).toEqual([]);
});

test('a gateway that ends refuses work, and says that it may pass', async () => {
  await open();
  edge.server.http.keepAliveTimeout = 0;
  const draining = edge.server.drain();
  const { problem } = await problemOf('/v1/sessions').catch((error: unknown) => ({
    problem: { code: 'closed', error },
  }));
  expect(['shutting_down', 'closed']).toContain(problem.code);
  await draining;
});
