/** A transcript in the formats that are asked for. Pure: activities, gateway and command line show the same. */
import type { TranscriptDocument, TranscriptFormat } from './contract.ts';
import { renderSrt, renderVtt } from './render/subtitles.ts';
import { renderText } from './render/text.ts';
import { renderTsv } from './render/tsv.ts';
import { verboseTranscript } from './render/verbose-json.ts';

/** A transcript that is finished, or that of a session that goes on, up to its last final. */
export type Renderable = Omit<TranscriptDocument, 'state'> & { readonly state: string };

/** The transcript as a text of the format; ends with a line feed. */
export function render(document: Renderable, format: TranscriptFormat): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify(document)}\n`;
    case 'verbose_json':
      return `${JSON.stringify(verboseTranscript(document))}\n`;
    case 'txt':
      return renderText(document.segments);
    case 'srt':
      return renderSrt(document.segments);
    case 'vtt':
      return renderVtt(document.segments);
    case 'tsv':
      return renderTsv(document.segments);
  }
}
