/** REST for batches: many files in one request, its progress, its results. */
import { Router } from 'express';
import type { Request, Response } from 'express';
import type { BatchItemView, BatchView } from '../../workflows/batch/contract.ts';
import type { SessionRef } from '../../workflows/contract.ts';
import { Failure } from '../failures.ts';
import type { Gateway } from '../ports.ts';
import { parseParameters } from '../protocol.ts';
import { readTranscript } from '../transcripts.ts';
import { batchListParameters, batchPageParameters } from './batch-parameters.ts';
import { answerErasure } from './erasing.ts';
import { refuseOtherMethods } from './methods.ts';
import { postBatch } from './post-batch.ts';
import { queryOf, refOf } from './session-ref.ts';

/** Items asked for at a time while results are written. */
const RESULTS_PAGE = 100;

export function batchRoutes(gateway: Gateway): Router {
  const router = Router();
  router.post('/', async (request, response) => {
    const ref = await postBatch(gateway, request);
    response
      .status(202)
      .location(`/v1/batches/${ref.id}`)
      .json(await shownBatch(gateway, ref));
  });
  router.get('/', async (request, response) => {
    const { limit, cursor } = parseParameters(batchListParameters, queryOf(request));
    const page = await gateway.batches.list(gateway.settings.tenant, limit, cursor ?? null);
    response.json({ batches: page.batches, nextCursor: page.cursor });
  });
  router.get('/:id', (request, response) => showBatch(gateway, request, response));
  router.delete('/:id', (request, response) => eraseBatch(gateway, request, response));
  router.post('/:id/cancel', async (request, response) => {
    const ref = refOf(gateway, request);
    const shown = await shownBatch(gateway, ref);
    await gateway.batches.cancel(ref);
    response.status(202).json(shown);
  });
  router.get('/:id/results', (request, response) => writeResults(gateway, request, response));
  return refuseOtherMethods(router);
}

async function showBatch(gateway: Gateway, request: Request, response: Response): Promise<void> {
  const { limit, cursor: from } = parseParameters(batchPageParameters, queryOf(request));
  const ref = refOf(gateway, request);
  const [batch, items] = await Promise.all([shownBatch(gateway, ref), gateway.batches.items(ref, from, limit)]);
  const next = from + items.length;
  response.json({ ...batch, items: items.map(shownItem), nextCursor: next < batch.total ? String(next) : null });
}

async function eraseBatch(gateway: Gateway, request: Request, response: Response): Promise<void> {
  const ref = refOf(gateway, request);
  if ((await gateway.batches.about(ref)) === null) throw new Failure('not_found', 'no such batch');
  await answerErasure(ref, (waitMs) => gateway.erasures.eraseBatch(ref, waitMs), response);
}

async function shownBatch({ batches }: Gateway, ref: SessionRef) {
  const [view, about] = await Promise.all([batches.view(ref), batches.about(ref)]);
  const { startedAtMs, endedAtMs, counts, total, state } = view;
  const ended = counts.completed + counts.failed + counts.cancelled;
  return {
    id: ref.id,
    name: about?.name ?? '',
    state,
    total,
    counts,
    progress: ended / total,
    startedAt: isoTime(startedAtMs),
    endedAt: endedAtMs === null ? null : isoTime(endedAtMs),
    estimatedEndAt: estimatedEnd(view, ended, Date.now()),
  };
}

/** At the pace so far: what is left takes as long an item as what has ended did. */
function estimatedEnd({ startedAtMs, endedAtMs, total }: BatchView, ended: number, nowMs: number): string | null {
  if (endedAtMs !== null) return isoTime(endedAtMs);
  return ended === 0 ? null : isoTime(nowMs + ((nowMs - startedAtMs) / ended) * (total - ended));
}

const isoTime = (ms: number): string => new Date(ms).toISOString();

function shownItem({ index, session, fileName, state, audioMs, reason, detail }: BatchItemView) {
  const error = reason === null ? null : { code: reason, detail };
  return { index, session, filename: fileName, state, audioMs, error };
}

/** One line of JSON for each item, in order, with its transcript where there is one; written as fast as it is read. */
async function writeResults(gateway: Gateway, request: Request, response: Response): Promise<void> {
  const ref = refOf(gateway, request);
  const { total } = await gateway.batches.view(ref);
  response.setHeader('Content-Type', 'application/x-ndjson; charset=utf-8');
  for (let from = 0; from < total && !response.closed; from += RESULTS_PAGE) {
    for (const item of await gateway.batches.items(ref, from, RESULTS_PAGE)) {
      const written = await readTranscript(gateway.objects, { tenant: ref.tenant, id: item.session }, 'json');
      const transcript: unknown = written === null ? null : JSON.parse(Buffer.from(written).toString('utf8'));
      const isTaken = response.write(`${JSON.stringify({ ...shownItem(item), transcript })}\n`);
      if (!isTaken) await drained(response);
    }
  }
  response.end();
}

/** Until the client has read on, or is gone. */
const drained = (response: Response): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
