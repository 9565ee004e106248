/**
 * The transcripts of a session: version 1 as it was first transcribed, and those of its stored audio by other models. (A
 * segment's `revision` is something else: a repair within one transcript.)
 */
import { objectKeys } from '../workflows/contract.ts';
import type { SessionRef, SessionState, TranscriptDocument, VersionFacts } from '../workflows/contract.ts';
import { Failure } from './failures.ts';
import type { Gateway, ObjectsPort } from './ports.ts';

export interface VersionSummary extends Omit<VersionFacts, 'createdAt'> {
  readonly state: SessionState;
  /** Null for sessions of an earlier version of Longhand, and live ones. */
  readonly createdAt: string | null;
}

const parse = (bytes: Uint8Array): unknown => JSON.parse(Buffer.from(bytes).toString('utf8'));

/** Numbers of the versions from 2 on of which there is this object, the newest first. */
async function numbersWith(objects: ObjectsPort, ref: SessionRef, name: string): Promise<number[]> {
  const numbers: number[] = [];
  const prefix = objectKeys.versions(ref);
  for await (const { key } of objects.list(prefix)) {
    const [number, rest] = key.slice(prefix.length).split('/');
    if (rest === name) numbers.push(Number(number));
  }
  return numbers.sort((a, b) => b - a);
}

const writtenState = async (objects: ObjectsPort, ref: SessionRef, version: number) => {
  const bytes = await objects.get(objectKeys.transcript(ref, null, 'json', version));
  return bytes === null ? null : (parse(bytes) as TranscriptDocument).state;
};

/** The newest version that is completed; 1 where none is. */
export async function newestVersion(objects: ObjectsPort, ref: SessionRef): Promise<number> {
  for (const version of await numbersWith(objects, ref, 'transcript.json')) {
    if ((await writtenState(objects, ref, version)) === 'completed') return version;
  }
  return 1;
}

/** All versions of a session, the first one first. Throws the failure `not_found` where there is no session. */
export async function versionsOf(gateway: Gateway, ref: SessionRef): Promise<VersionSummary[]> {
  const { model, language, state, startedAt } = await gateway.sessions.view(ref);
  const first: VersionSummary = { version: 1, model, language, state, createdAt: startedAt ?? null };
  const numbers = await numbersWith(gateway.objects, ref, 'version.json');
  return [first, ...(await Promise.all(numbers.reverse().map((version) => summaryOf(gateway, ref, version))))];
}

async function summaryOf({ objects, files }: Gateway, ref: SessionRef, version: number): Promise<VersionSummary> {
  const bytes = await objects.get(objectKeys.versionFacts(ref, version));
  if (bytes === null) throw new Failure('not_found', 'the session is being deleted');
  const state = (await writtenState(objects, ref, version)) ?? (await runningState(files, ref, version));
  return { ...(parse(bytes) as VersionFacts), state };
}

/** One whose workflow nobody knows any more was not finished, and will not be. */
async function runningState(files: Gateway['files'], ref: SessionRef, version: number): Promise<SessionState> {
  try {
    return (await files.versionView(ref, version)).state;
  } catch (error) {
    if (error instanceof Failure && error.type === 'not_found') return 'failed';
    throw error;
  }
}

/** A number that no version has, as far as is written; one that another request takes first is asked for again. */
export async function nextVersion(objects: ObjectsPort, ref: SessionRef): Promise<number> {
  return ((await numbersWith(objects, ref, 'version.json'))[0] ?? 1) + 1;
}
