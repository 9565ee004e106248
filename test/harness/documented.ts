/** Holds answers of a gateway against the OpenAPI document it publishes: status, content type, shape, failure code. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { apiPrefixes } from '../../gateway/rest/routes.ts';
import { openApiDocument } from '../../gateway/rest/openapi.ts';
import { checkerOf, pointerPart } from './schemas.ts';
import type { Checker } from './schemas.ts';

interface Operation {
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: object }>>;
}
type Path = Readonly<Record<string, Operation>>;

export interface Answer {
  readonly method: string;
  /** With its query, as it was asked. */
  readonly target: string;
  readonly status: number;
  /** Without parameters; empty where there is no content. */
  readonly type: string;
  /** Read as text; null where it was not kept. */
  readonly body: string | null;
}

const isJson = (type: string): boolean => /[/+]json$/.test(type);
const METHODS = ['get', 'put', 'post', 'patch', 'delete'];

let made: { readonly paths: Readonly<Record<string, Path>>; readonly checker: Checker } | null = null;
function published() {
  const document = openApiDocument() as { readonly paths: Readonly<Record<string, Path>> };
  made ??= { paths: document.paths, checker: checkerOf(document, '2020-12') };
  return made;
}

/** The described path that an address falls under: a fixed part goes before a variable one. */
function templateOf(path: string): string | null {
  const parts = path.split('/');
  const fits = (template: string): boolean => {
    const wanted = template.split('/');
    return wanted.length === parts.length && wanted.every((part, i) => part === parts[i] || part.startsWith('{'));
  };
  const variables = (template: string): number => template.split('{').length;
  const fitting = Object.keys(published().paths).filter(fits);
  return fitting.sort((a, b) => variables(a) - variables(b))[0] ?? null;
}

/** What of an answer is not as it is described; nothing for addresses that are no part of the REST API. */
export function undocumented(answer: Answer): string[] {
  const path = (answer.target.split('?')[0] ?? '').replace(/(?<=.)\/$/, '');
  const method = answer.method.toLowerCase();
  if (method === 'options') return [];
  const template = templateOf(path);
  const says = (fault: string): string => `${answer.method} ${path}: ${answer.status} ${answer.type}: ${fault}`;
  if (template === null) {
    const isOurs = apiPrefixes.some((prefix) => path === prefix || path.startsWith(`${prefix}/`));
    return !isOurs || answer.status >= 400 ? [] : [says('no such path is described')];
  }
  const described = published().paths[template];
  const known = described?.[method] ?? (method === 'head' ? described?.['get'] : undefined);
  if (known === undefined || !METHODS.includes(method === 'head' ? 'get' : method)) {
    return answer.status >= 400 ? [] : [says('no such method is described')];
  }
  return faultsOf(answer, template, known).map(says);
}

function faultsOf({ method, status, type, body }: Answer, template: string, operation: Operation): string[] {
  const described = operation.responses[status];
  if (described === undefined) return ['the status is not described'];
  const content = described.content ?? {};
  if (!Object.hasOwn(content, type)) {
    // By tus an upload is begun without a word: its address is in a header.
    const mayBeEmpty = Object.keys(content).length === 0 || described.description.includes('has no body');
    return type === '' && mayBeEmpty ? [] : ['the content type is not described'];
  }
  if (method === 'HEAD' || body === null || !isJson(type)) return [];
  const value: unknown = JSON.parse(body);
  const at = ['paths', template, method.toLowerCase(), 'responses', String(status), 'content', type, 'schema'];
  const faults = published().checker.faults(`/${at.map(pointerPart).join('/')}`, value);
  if (type !== 'application/problem+json') return faults;
  const { code } = value as { code: string };
  const codes = described.description.split(/[:,] /);
  return codes.includes(code) ? faults : [...faults, `the code ${code} is not described`];
}

const EVENT_SCHEMAS: Readonly<Record<string, string>> = {
  session: 'Session',
  final: 'FinalEvent',
  queued: 'QueuedEvent',
  done: 'DoneEvent',
};

/** What of a server-sent event is not as it is described. */
export const documentedEvent = (name: string, data: unknown): string[] =>
  published().checker.faults(`/components/schemas/${EVENT_SCHEMAS[name] ?? name}`, data);

/** Listens to all that a server answers; gives what was not as described. */
export function watchAnswers(http: Server): () => string[] {
  const faults: string[] = [];
  http.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    const body = keepJson(response);
    // Taken now: a router cuts its prefix off.
    const { method = '', url: target = '' } = request;
    response.on('finish', () => {
      const type = typeOf(response.getHeader('content-type'));
      faults.push(...undocumented({ method, target, status: response.statusCode, type, body: body() }));
    });
  });
  return () => faults;
}

const typeOf = (header: number | string | string[] | undefined | null): string =>
  String(header ?? '').split(';')[0] ?? '';

/** Keeps what is written where it is JSON: anything else may be endless. */
function keepJson(response: ServerResponse): () => string {
  const pieces: Buffer[] = [];
  const keep = (piece: unknown): void => {
    if (!isJson(typeOf(response.getHeader('content-type')))) return;
    if (typeof piece === 'string' || piece instanceof Uint8Array) pieces.push(Buffer.from(piece as Uint8Array));
  };
  for (const name of ['write', 'end'] as const) {
    const original = response[name].bind(response) as (...args: unknown[]) => never;
    response[name] = (...args: unknown[]) => {
      keep(args[0]);
      return original(...args);
    };
  }
  return () => Buffer.concat(pieces).toString('utf8');
}

/** Asks a gateway of any process. @throws when its answer is not as described */
export async function documentedFetch(base: string, target: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(`${base}${target}`, init);
  const type = typeOf(response.headers.get('content-type'));
  const body = isJson(type) ? await response.clone().text() : null;
  const faults = undocumented({ method: init.method ?? 'GET', target, status: response.status, type, body });
  if (faults.length > 0) throw new Error(`not as /openapi.json says:\n${faults.join('\n')}`);
  return response;
}
