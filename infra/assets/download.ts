/** HTTP downloads that give up soon on a machine without network, and late on a slow one. */
import { Readable } from 'node:stream';
import { describeFault, shownUrl } from './fault.ts';

export interface Patience {
  /** Until the answer's head is there. */
  readonly answerMs: number;
  /** Without a further byte of the body. */
  readonly stallMs: number;
}

export const PATIENCE: Patience = { answerMs: 5000, stallMs: 30_000 };

export interface Download {
  readonly status: number;
  /** After redirects. */
  readonly url: string;
  readonly headers: Headers;
  readonly body: Readable;
}

/** Passes the body on; a stretch without a byte ends it with an error. */
async function* watched(body: ReadableStream<Uint8Array>, stallMs: number, abort: (why: Error) => void) {
  const stalled = (): void => abort(new Error(`no data for ${stallMs / 1000} s`));
  const timer = setTimeout(stalled, stallMs);
  try {
    for await (const chunk of body) {
      timer.refresh();
      yield chunk;
    }
  } finally {
    clearTimeout(timer);
  }
}

/**
 * GETs a URL; the body is not read yet. Credentials in the URL are sent as Basic authorization.
 * @throws Error naming the URL (without credentials) when there is no answer in time or its status is not 2xx
 */
export async function download(address: string, headers: Record<string, string> = {}, patience = PATIENCE) {
  const url = new URL(address);
  const sent = new Headers(headers);
  if (url.username !== '' || url.password !== '') {
    const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    sent.set('authorization', `Basic ${Buffer.from(pair).toString('base64')}`);
    [url.username, url.password] = ['', ''];
  }
  const stop = new AbortController();
  const timer = setTimeout(
    () => stop.abort(new Error(`no answer within ${patience.answerMs / 1000} s`)),
    patience.answerMs,
  );
  try {
    const response = await fetch(url, { headers: sent, signal: stop.signal });
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`HTTP ${response.status}`);
    }
    const body = response.body ?? new ReadableStream<Uint8Array>({ start: (it) => it.close() });
    return {
      status: response.status,
      url: response.url,
      headers: response.headers,
      body: Readable.from(watched(body, patience.stallMs, (why) => stop.abort(why))),
    } satisfies Download;
  } catch (fault) {
    throw new Error(`${shownUrl(url)}: ${describeFault(fault)}`, { cause: fault });
  } finally {
    clearTimeout(timer);
  }
}

/** The length an answer announces, or null. */
export const contentLength = ({ headers }: Download): number | null => {
  const length = headers.get('content-length');
  return length === null || headers.has('content-encoding') ? null : Number(length);
};

export async function readText({ body }: Download): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part as Uint8Array);
  return Buffer.concat(parts).toString('utf8');
}

/** The same stream; `onBytes` hears of each chunk's length as it passes. */
export const counted = (content: Readable, onBytes: (bytes: number) => void): Readable =>
  content.map((chunk: Uint8Array) => {
    onBytes(chunk.length);
    return chunk;
  });
