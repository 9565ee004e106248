/** The end of a file that is transcribed in its own workflow: its span's transcript is its own. */
import { proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type { ControlActivities, TranscriptWritten, WriteTranscriptArgs } from '../contract.ts';
import type { FileRun } from '../file-run.ts';
import { IN_PLACE, RETRIED, inPlace } from '../in-place.ts';

const here = proxyLocalActivities<Pick<ControlActivities, 'finishWhole'>>(IN_PLACE);
const writing = proxyActivities<Pick<ControlActivities, 'writeTranscript'>>({
  startToCloseTimeout: '2m',
  retry: RETRIED,
});

/** Writes the transcript of the span, and the file's with it where nothing is left to be done and that takes a moment. */
export async function writeWhole(run: FileRun, span: WriteTranscriptArgs): Promise<TranscriptWritten> {
  const { state } = span.meta;
  const { isWhole, ...written } = await inPlace(
    state === 'completed',
    () => here.finishWhole({ span, meta: run.metaOf({ state }), uploadId: run.usedUpload }),
    async () => ({ ...(await writing.writeTranscript(span)), isWhole: false }),
  );
  run.isWritten = isWhole;
  return written;
}
