/** `longhand show ID`: everything there is to know of one session. */
import type { Command } from 'commander';
import type { Segment } from '../../workflows/contract.ts';
import { Refused } from './failure.ts';
import type { RestClient, Session } from './rest-client.ts';
import { restClient, withServer } from './server-options.ts';
import type { ReadConfig, ServerOptions } from './server-options.ts';
import { clock } from './table.ts';

export function showCommand(program: Command, readConfig: ReadConfig): void {
  withServer(program.command('show').description('show a session: its state, its worker and its words so far'))
    .argument('<id>', 'id of the session')
    .option('--json', 'as JSON')
    .action(async (id: string, options: ServerOptions & { json?: true }) => {
      const rest = restClient(readConfig(), options);
      const session = await rest.session(id);
      const segments = await segmentsOf(rest, session);
      const json = `${JSON.stringify({ ...session, transcript: segments }, null, 2)}\n`;
      process.stdout.write(options.json ? json : sessionText(session, segments));
    });
}

/** null: there is no transcript to be read (yet). */
async function segmentsOf(rest: RestClient, { id, state }: Session): Promise<readonly Segment[] | null> {
  if (state === 'failed') return null;
  try {
    return (await rest.document(id)).segments;
  } catch (error) {
    if (error instanceof Refused && error.code === 'not_finished') return null;
    throw error;
  }
}

export function sessionText(session: Session, segments: readonly Segment[] | null): string {
  const facts = factsOf(session).map(([name, value]) => `${name.padEnd(10)}${value}\n`);
  const lines = (segments ?? []).map(({ startMs, text }) => `${clock(startMs).padStart(9)}  ${text}\n`);
  const none = segments === null ? 'No transcript yet.\n' : 'No words yet.\n';
  return `${facts.join('')}\n${lines.length > 0 ? lines.join('') : none}`;
}

function factsOf(session: Session): [string, string][] {
  const { id, kind, state, model, language, priority, attached, lease, epoch, error, spans, segments } = session;
  const facts: [string, string][] = [
    ['session', id],
    ['kind', kind],
    ['state', state],
    ['model', `${model} (${language}), priority ${priority}`],
    ['progress', progressOf(session)],
    ['segments', String(segments)],
  ];
  if (spans !== null) facts.push(['spans', `${spans.done} of ${spans.total}`]);
  if (kind === 'live') {
    facts.push(['client', attached ? 'connected' : 'not connected']);
    facts.push(['worker', lease?.workerId ?? '-'], ['lease', lease?.leaseId ?? '-'], ['epoch', String(epoch)]);
  }
  if (error !== null) facts.push(['error', `${error.detail ?? 'the session failed'} (${error.code})`]);
  return facts;
}

function progressOf({ transcribedMs, audioMs, progress }: Session): string {
  const share = progress === null ? '' : ` (${Math.floor(progress * 100)} %)`;
  return `${clock(transcribedMs)} of ${audioMs === null ? 'audio that goes on' : clock(audioMs)}${share}`;
}
