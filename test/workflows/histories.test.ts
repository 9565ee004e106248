/**
 * Sessions of before go on under the code of now: every recorded history (test/histories, made by `npm run histories`)
 * replays. A change that makes one fail needs `patched()` of @temporalio/workflow, not a new recording.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readRecording } from '../../workers/cli/history/recording.ts';
import type { HistoryEvent, RecordedRun } from '../../workers/cli/history/recording.ts';
import { Replayer } from '../../workers/cli/history/replayer.ts';
import type { Difference } from '../../workers/cli/history/replayer.ts';

const folder = join(import.meta.dirname, '../histories');
const files = readdirSync(folder).filter((name) => name.endsWith('.json'));

let replayer: Replayer;
beforeAll(async () => {
  replayer = await Replayer.open();
}, 60_000);

const runsOf = async (file: string): Promise<RecordedRun[]> => (await readRecording(join(folder, file))).runs;

async function differences(runs: readonly RecordedRun[]): Promise<(Difference | null)[]> {
  return (await Array.fromAsync(replayer.replay(runs))).map(({ difference }) => difference);
}

test.each(files)('%s replays', async (file) => {
  const runs = await runsOf(file);
  expect(await differences(runs)).toEqual(runs.map(() => null));
});

test('every workflow is among them, a session of several runs, and every outcome of a stream', async () => {
  const runs = (await Promise.all(files.map(runsOf))).flat();
  expect([...new Set(runs.map(({ workflowType }) => workflowType))].sort()).toEqual([
    'batch',
    'erase',
    'eraseBatch',
    'file',
    'lanes',
    'pool',
    'receiver',
    'results',
    'retention',
    'session',
    'span',
    'version',
    'webhook',
    'worker',
  ]);
  const types = new Set(runs.flatMap(({ events }) => events.map(({ eventType }) => eventType)));
  expect(types).toContain('EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW');
  const values = runs.flatMap(({ events }) => events.flatMap(valuesOf));
  const whys = values.map((value) => (value as { why?: unknown } | null)?.why).filter((why) => typeof why === 'string');
  for (const why of ['end', 'rotate', 'paused', 'handedOver', 'engineFailed']) expect(whys).toContain(why);
  const states = values.map((value) => (value as { state?: unknown } | null)?.state);
  for (const state of ['completed', 'stopped', 'cancelled', 'failed']) expect(states).toContain(state);
});

test('no word that was said is in the recordings', async () => {
  const values = (await Promise.all(files.map(runsOf))).flat().flatMap(({ events }) => events.flatMap(valuesOf));
  const texts = [...JSON.stringify(values).matchAll(/"text":"([^"]*)"/g)].map(([, text]) => text);
  expect(texts.length).toBeGreaterThan(100);
  expect(texts.filter((text) => /[^x ]/.test(text ?? ''))).toEqual([]);
});

/** The decoded values of an activity's or workflow's result. */
function valuesOf(event: HistoryEvent): unknown[] {
  return [...JSON.stringify(event).matchAll(/"encoding":"anNvbi9wbGFpbg=="[^{}]*\},"data":"([^"]*)"/g)].map(
    ([, data]) => JSON.parse(Buffer.from(data ?? '', 'base64').toString('utf8')) as unknown,
  );
}

// ---- an altered history fails

/** Ids count from 1 without a gap, as Temporal gives them. */
const numbered = (events: readonly HistoryEvent[]): HistoryEvent[] =>
  events.map((event, i) => ({ ...event, eventId: String(i + 1) }));

const SCHEDULED = 'EVENT_TYPE_ACTIVITY_TASK_SCHEDULED';
const activityOf = (event: HistoryEvent): string | undefined =>
  (event['activityTaskScheduledEventAttributes'] as { activityType: { name: string } } | undefined)?.activityType.name;

async function altered(alter: (events: HistoryEvent[], stream: number) => HistoryEvent[]): Promise<Difference | null> {
  const [run] = await runsOf('live-undisturbed.json');
  if (run === undefined) throw new Error('no run');
  const stream = run.events.findIndex((event) => activityOf(event) === 'streamChunks');
  const [difference] = await differences([{ ...run, events: alter(structuredClone(run.events), stream) }]);
  return difference ?? null;
}

test('an activity that is missing is found where the history goes on without it', async () => {
  let next = '';
  const difference = await altered((events, stream) => {
    const without = numbered(events.filter((_event, i) => i !== stream));
    next = without[stream]?.eventType ?? '';
    return without;
  });
  expect(difference).toMatchObject({
    message: expect.stringContaining('the code gives a command that the history does not hold') as string,
  });
  expect(next).not.toBe(SCHEDULED);
});

test('an activity of another type is found at its event, and what the code does is told', async () => {
  let eventId = 0;
  const difference = await altered((events, stream) => {
    const event = events[stream];
    if (event === undefined) throw new Error('no stream');
    eventId = Number(event.eventId);
    event['activityTaskScheduledEventAttributes'] = {
      ...(event['activityTaskScheduledEventAttributes'] as object),
      activityType: { name: 'mergeSpans' },
    };
    return events;
  });
  expect(difference).toMatchObject({ eventId, eventType: 'ActivityTaskScheduled' });
  expect(difference?.message).toMatch(/'mergeSpans' does not match .* 'streamChunks'/);
});

test('two commands in another order are found', async () => {
  const difference = await altered((events) => {
    const timer = events.findIndex(({ eventType }) => eventType === 'EVENT_TYPE_TIMER_STARTED');
    const swapped = events.toSpliced(timer, 2, ...events.slice(timer, timer + 2).reverse());
    return numbered(swapped);
  });
  expect(difference?.eventType).toBe('ActivityTaskScheduled');
});

test('a workflow that the code does not know is found', async () => {
  const [run] = await runsOf('live-undisturbed.json');
  const text = JSON.stringify(run).replace('"workflowType":{"name":"session"}', '"workflowType":{"name":"x"}');
  const [difference] = await differences([JSON.parse(text) as RecordedRun]);
  expect(difference?.message).toContain("'x'");
});
