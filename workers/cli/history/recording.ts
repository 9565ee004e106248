/** The file of `longhand record`: the histories of a session's runs, one event a line. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { CliError } from '../failure.ts';

const FORMAT = 'longhand-history/1';

/** Proto3 JSON of one history event, as every Temporal tool writes it; enums as names, bytes as base64. */
const historyEvent = z.looseObject({ eventId: z.union([z.string(), z.number()]), eventType: z.string() });
export type HistoryEvent = z.infer<typeof historyEvent>;

const recordedRun = z.strictObject({
  workflowId: z.string().min(1),
  runId: z.string().min(1),
  workflowType: z.string().min(1),
  events: z.array(historyEvent).min(1),
});
/** One run of one workflow: a session that continued as new has several, a file has its spans' besides. */
export type RecordedRun = z.infer<typeof recordedRun>;

const recordingSchema = z.strictObject({
  format: z.literal(FORMAT),
  /** The session's own workflow; its runs come first, oldest first, then its children's. */
  workflowId: z.string().min(1),
  isRedacted: z.boolean(),
  /** Workflows whose oldest runs Temporal no longer holds. */
  incomplete: z.array(z.string()),
  runs: z.array(recordedRun).min(1),
});
export type Recording = z.infer<typeof recordingSchema>;

export const newRecording = (facts: Omit<Recording, 'format' | 'isRedacted'>): Recording => ({
  format: FORMAT,
  isRedacted: false,
  ...facts,
});

/** One event a line: small, and a difference between two recordings can be read. */
export function recordingText({ runs, ...head }: Recording): string {
  const lines = runs.map(({ events, ...run }) => {
    const rows = events.map((event) => `    ${JSON.stringify(event)}`).join(',\n');
    return `${JSON.stringify(run).slice(0, -1)},"events":[\n${rows}\n  ]}`;
  });
  return `${JSON.stringify(head).slice(0, -1)},"runs":[\n  ${lines.join(',\n  ')}\n]}\n`;
}

/** @throws CliError that names what is wrong with the file. */
export async function readRecording(path: string): Promise<Recording> {
  const parsed = recordingSchema.safeParse(jsonOf(await readFile(path, 'utf8'), path));
  if (parsed.success) return parsed.data;
  const { path: at = [], message = '' } = parsed.error.issues[0] ?? {};
  throw new CliError(`${path} is not a recording of \`longhand record\`: ${at.join('.')}: ${message}`);
}

function jsonOf(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new CliError(`${path} is not JSON: expected a file of \`longhand record\``);
  }
}
