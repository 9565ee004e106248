/** A transcript as `POST /v1/audio/transcriptions` answers it. */
import type { TranscriptDocument } from '../../../workflows/contract.ts';
import { render } from '../../../workflows/render.ts';
import { durationUsage, holesInSeconds, verboseJson } from './verbose-json.ts';
import type { TranscriptionRequest } from './parameters.ts';

export interface Answer {
  readonly contentType: string;
  readonly body: string;
}

const JSON_TYPE = 'application/json; charset=utf-8';
/** Also of subtitles: the SDKs give what is no JSON to the caller as it is. */
const TEXT_TYPE = 'text/plain; charset=utf-8';

export function answerOf(
  document: TranscriptDocument,
  { format, granularities }: Pick<TranscriptionRequest, 'format' | 'granularities'>,
): Answer {
  switch (format) {
    case 'json':
      return asJson({ text: document.text, usage: durationUsage(document), ...holesInSeconds(document) });
    case 'verbose_json':
      return asJson(verboseJson(document, granularities));
    case 'text':
      return { contentType: TEXT_TYPE, body: `${document.text}\n` };
    case 'srt':
    case 'vtt':
      return { contentType: TEXT_TYPE, body: render(document, format) };
  }
}

const asJson = (body: object): Answer => ({ contentType: JSON_TYPE, body: JSON.stringify(body) });
