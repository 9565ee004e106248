/** HTTP to addresses that clients have named: every connection passes the guard; times and sizes are limited. */
import { Agent, request } from 'undici';
import type { Dispatcher } from 'undici';
import { ForbiddenAddress, hostOf } from './guard.ts';
import type { OutboundGuard } from './guard.ts';

export interface Post {
  readonly url: string;
  /** POST unless given. */
  readonly method?: 'POST' | 'PUT';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Until the answer's head is there. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface PostAnswer {
  readonly status: number;
  /** As it stands in the header. */
  readonly retryAfter: string | null;
}

/** What is at an address. */
export interface Found {
  readonly status: number;
  /** As the server claims; null when it says nothing. */
  readonly bytes: number | null;
  readonly body: AsyncIterable<Uint8Array>;
  /** To be called once the body is of no more use, read or not: its connection is free then. */
  close(): void;
}

const CONNECT_LIMIT_MS = 10_000;
/** An answer to a POST says nothing that is needed: a short one is read so that the connection can be used again. */
const UNREAD_BYTES = 16 << 10;
const UNREAD_LIMIT_MS = 1000;
/** Addresses of files often lead on, to a storage or another host of the same site. */
const MAX_REDIRECTS = 3;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];
const USER_AGENT = 'Longhand';

export class OutboundHttp {
  readonly #agent: Agent;

  /** @param stallMs a body that stands still for so long is cut off. */
  constructor(guard: OutboundGuard, stallMs: number) {
    const connect = guard.connector(CONNECT_LIMIT_MS);
    this.#agent = new Agent({ connect, headersTimeout: stallMs, bodyTimeout: stallMs });
  }

  /** Posts once; a redirect is an answer like any other. @throws ForbiddenAddress, or whatever went wrong on the way */
  async post({ url, method = 'POST', headers, body, timeoutMs, signal }: Post): Promise<PostAnswer> {
    hostOf(url);
    const answer = await request(url, {
      method,
      headers: { ...headers, 'user-agent': USER_AGENT },
      body,
      dispatcher: this.#agent,
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    await leaveUnread(answer);
    const retryAfter = answer.headers['retry-after'];
    return { status: answer.statusCode, retryAfter: typeof retryAfter === 'string' ? retryAfter : null };
  }

  /**
   * Opens what is at an address, led on by at most {@link MAX_REDIRECTS} redirects, never from https to http.
   * @throws ForbiddenAddress, or whatever went wrong on the way
   */
  async open(url: string, signal: AbortSignal): Promise<Found> {
    for (let at = url, led = 0; ; led += 1) {
      hostOf(at);
      const headers = { 'user-agent': USER_AGENT, 'accept-encoding': 'identity' };
      const answer = await request(at, { headers, dispatcher: this.#agent, signal });
      const { location, 'content-length': length } = answer.headers;
      if (!REDIRECTS.includes(answer.statusCode) || typeof location !== 'string') {
        return foundOf(answer, length === undefined ? null : Number(length));
      }
      await leaveUnread(answer);
      if (led === MAX_REDIRECTS) throw new ForbiddenAddress(`redirects more than ${MAX_REDIRECTS} times`);
      at = nextOf(at, location);
    }
  }

  /** Whatever is under way is cut off. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

function foundOf({ statusCode, body }: Dispatcher.ResponseData, bytes: number | null): Found {
  // A body that is left off says so by an error, which nobody need hear.
  body.on('error', () => undefined);
  return { status: statusCode, bytes, body, close: () => void body.destroy() };
}

function nextOf(from: string, location: string): string {
  const next = URL.parse(location, from);
  if (next === null) throw new ForbiddenAddress('redirects to what is no address');
  if (from.startsWith('https:') && next.protocol === 'http:') {
    throw new ForbiddenAddress('redirects from https: to http:');
  }
  return next.href;
}

async function leaveUnread({ body }: Dispatcher.ResponseData): Promise<void> {
  await body.dump({ limit: UNREAD_BYTES, signal: AbortSignal.timeout(UNREAD_LIMIT_MS) }).catch(() => undefined);
}
