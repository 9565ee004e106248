/** REST for results: a session's transcript in the format that is asked for. */
import type { Request, Response } from 'express';
import { LOG_BYTES_PER_MS, TRANSCRIPT_FORMATS } from '../../workflows/contract.ts';
import type { SessionRef, TranscriptFormat } from '../../workflows/contract.ts';
import { render } from '../../workflows/render.ts';
import type { Renderable } from '../../workflows/render.ts';
import { Failure } from '../failures.ts';
import type { Gateway } from '../ports.ts';
import { parseParameters } from '../protocol.ts';
import { readSegments, readTranscript } from '../transcripts.ts';
import { newestVersion } from '../versions.ts';
import { failureOf } from './file-session.ts';
import { transcriptParameters } from './schemas.ts';
import { queryOf, refOf } from './session-ref.ts';

const CONTENT_TYPES: Readonly<Record<TranscriptFormat, string>> = {
  json: 'application/json',
  txt: 'text/plain',
  srt: 'application/x-subrip',
  vtt: 'text/vtt',
  tsv: 'text/tab-separated-values',
  verbose_json: 'application/json',
};

/** Formats that an `Accept` may choose, each by a type of its own; the first one where it does not matter. */
const BY_TYPE = new Map<string, TranscriptFormat>(
  TRANSCRIPT_FORMATS.filter((format) => format !== 'verbose_json')
    .sort((a, b) => Number(b === 'json') - Number(a === 'json'))
    .map((format) => [CONTENT_TYPES[format], format]),
);

/** `GET /v1/sessions/{id}/transcript`: `format` says which; without it, `Accept`. */
export async function showTranscript(gateway: Gateway, request: Request, response: Response): Promise<void> {
  const given = parseParameters(transcriptParameters, queryOf(request));
  const ref = refOf(gateway, request);
  const format = given.format ?? acceptedFormat(request);
  const version = given.version ?? (await newestVersion(gateway.objects, ref));
  const written = await readTranscript(gateway.objects, ref, format, version);
  if (written === null && version > 1) await refuseUnwritten(gateway, ref, version);
  const body = written === null ? render(await transcriptSoFar(gateway, ref), format) : Buffer.from(written);
  response.setHeader('Vary', 'Accept');
  response.setHeader('Content-Type', `${CONTENT_TYPES[format]}; charset=utf-8`);
  response.send(body);
}

async function refuseUnwritten({ files }: Gateway, ref: SessionRef, version: number): Promise<never> {
  const { state, reason, detail } = await files.versionView(ref, version);
  if (state === 'failed') throw failureOf(reason, detail);
  throw new Failure('not_finished', `version ${version} is ${state}: its transcript is written at the end`);
}

function acceptedFormat(request: Request): TranscriptFormat {
  const accepted = request.accepts([...BY_TYPE.keys()]);
  const format = typeof accepted === 'string' ? BY_TYPE.get(accepted) : undefined;
  if (format !== undefined) return format;
  throw new Failure('not_acceptable', `Accept: one of ${[...BY_TYPE.keys()].join(', ')}; or say it by ?format=`);
}

/** A live session that goes on has a transcript up to its last final. */
async function transcriptSoFar(gateway: Gateway, ref: SessionRef): Promise<Renderable> {
  const view = await gateway.sessions.view(ref);
  if (view.state === 'failed') throw failureOf(view.reason, view.detail);
  if (view.kind === 'file')
    throw new Failure('not_finished', `the file is ${view.state}: its transcript is written at the end`);
  const segments = await readSegments(gateway.sessions, gateway.objects, ref, 0);
  const { id, tenant } = ref;
  const { model, language } = view;
  const text = segments.map((segment) => segment.text).join(' ');
  const audioMs = Math.round(view.throughByte / LOG_BYTES_PER_MS);
  return { id, tenant, model, language, state: view.state, audioMs, text, segments };
}
