/** What kaldi-gstreamer-server says (its README, "Server usage"): results and status codes. Pure. */
import type { Failure, FailureType } from '../../failures.ts';
import type { FinalMessage } from '../../protocol.ts';

export const STATUS = {
  success: 0,
  noSpeech: 1,
  aborted: 2,
  network: 4,
  notAllowed: 5,
  languageNotSupported: 8,
  notAvailable: 9,
} as const;
export type Status = (typeof STATUS)[keyof typeof STATUS];

const STATUS_OF: Partial<Record<FailureType, Status>> = {
  superseded: STATUS.aborted,
  idle_timeout: STATUS.network,
  slow_reader: STATUS.network,
  incomplete_upload: STATUS.network,
  rate_limit: STATUS.notAllowed,
  unknown_language: STATUS.languageNotSupported,
  unknown_model: STATUS.languageNotSupported,
};

/** A fault of the service that may pass is 9, any other failure 5, as the old server's decoder errors were. */
export function statusOf({ type, row }: Failure): Status {
  return STATUS_OF[type] ?? (row.retryable ? STATUS.notAvailable : STATUS.notAllowed);
}

/** The old server closed normally after every status; what a client did wrong is closed as such (faults of policy). */
export function closeCodeOf({ row: { retryable, httpStatus, closeCode } }: Failure): number {
  const isFault = !retryable && httpStatus >= 400 && httpStatus < 500 && httpStatus !== 409;
  return isFault || closeCode === 1008 ? 1008 : 1000;
}

export const failed = (id: string, status: Status, message?: string) => ({
  status,
  ...(message === undefined ? {} : { message }),
  id,
});

export const partialResult = (id: string, segment: number, transcript: string) => ({
  status: STATUS.success,
  segment,
  result: { hypotheses: [{ transcript }], final: false },
  id,
});

export const finalResult = (id: string, { index, text, words }: Pick<FinalMessage, 'index' | 'text' | 'words'>) => ({
  status: STATUS.success,
  segment: index,
  result: { hypotheses: [{ transcript: text, ...confidenceOf(words) }], final: true },
  id,
});

/** That of a result is the mean of its words'; where the model gives none, none is made up. */
function confidenceOf(words: FinalMessage['words']): { readonly confidence?: number } {
  const known = words.flatMap(({ confidence }) => (confidence === undefined ? [] : [confidence]));
  if (known.length === 0 || known.length < words.length) return {};
  return { confidence: known.reduce((sum, one) => sum + one, 0) / known.length };
}
