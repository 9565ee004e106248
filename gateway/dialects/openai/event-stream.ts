/**
 * `stream=true`: the transcript as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), a
 * delta for each piece as it is finished, in the order of the audio, and the whole at the end.
 */
import type { Response } from 'express';
import { setTimeout as pause } from 'node:timers/promises';
import { objectKeys } from '../../../workflows/contract.ts';
import type { SessionRef, TranscriptDocument } from '../../../workflows/contract.ts';
import { durationUsage, holesInSeconds } from './verbose-json.ts';
import type { ObjectsPort } from '../../ports.ts';
import { openAiError } from './refusal.ts';

/** How often it is looked whether the next piece is there. */
const LOOK_MS = 250;
/** A comment, which clients pass over, so that no proxy takes the connection for a dead one. */
const COMMENT_MS = 15_000;

/** @param finished the transcript, or why there is none */
export async function streamTranscript(
  response: Response,
  objects: Pick<ObjectsPort, 'get'>,
  ref: SessionRef,
  finished: Promise<TranscriptDocument>,
): Promise<void> {
  const comments = setInterval(() => response.write(': going on\n\n'), COMMENT_MS);
  try {
    response.status(200).setHeader('Content-Type', 'text/event-stream; charset=utf-8');
    response.setHeader('Cache-Control', 'no-store');
    response.flushHeaders();
    let said = '';
    for await (const text of pieces(objects, ref, finished)) {
      if (text === '') continue;
      const delta = said === '' ? text : ` ${text}`;
      said += delta;
      sendEvent(response, { type: 'transcript.text.delta', delta });
    }
    const document = await finished;
    sendEvent(response, {
      type: 'transcript.text.done',
      text: document.text,
      usage: durationUsage(document),
      ...holesInSeconds(document),
    });
  } catch (error) {
    // The status is said already: the SDKs throw what an event tells as `error`.
    sendEvent(response, { type: 'error', error: openAiError(error).error });
  } finally {
    clearInterval(comments);
    response.end();
  }
}

function sendEvent(response: Response, event: { readonly type: string } & Readonly<Record<string, unknown>>): void {
  if (response.writable) response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
}

/**
 * The texts of the file's spans, each once it and all before it are finished; a file of one span has its own alone. Fails as
 * `finished` does.
 */
async function* pieces(
  objects: Pick<ObjectsPort, 'get'>,
  ref: SessionRef,
  finished: Promise<TranscriptDocument>,
): AsyncGenerator<string> {
  const over = new AbortController();
  const end = (): void => over.abort();
  finished.then(end, end);
  for (let span = 0; ;) {
    // Asked before the look: what was written by then is found.
    const isLast = over.signal.aborted;
    const written = await objects.get(objectKeys.transcript(ref, span, 'json'));
    if (written !== null) {
      span += 1;
      yield (JSON.parse(Buffer.from(written).toString('utf8')) as TranscriptDocument).text;
    } else if (isLast) {
      if (span === 0) yield (await finished).text;
      return;
    } else {
      await pause(LOOK_MS, undefined, { signal: over.signal }).catch(() => undefined);
    }
  }
}
