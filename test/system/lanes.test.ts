/** The lanes of a tenant, where time is skipped: on a server of its own, for none is while anything of another test is under way. */
import { lanesWorkflowId, SIGNAL, WORKFLOW } from '../../workflows/contract.ts';
import type { AskLanes } from '../../workflows/contract.ts';
import { commitOne, fileInput, planOf, resultOf } from '../harness/file-stage.ts';
import { until } from '../harness/until.ts';
import { Stage } from '../harness/workflow-stage.ts';

let stage: Stage | null = null;
beforeAll(async () => {
  stage = await Stage.open('the lanes of a tenant');
}, 120_000);
afterAll(() => stage?.close(), 30_000);

test('files wait for one that was terminated no longer than until it is missed', async () => {
  // That it does not run was said when the server was not to be had.
  if (stage === null) return;
  const here = stage;
  const cast = here.cast('waits');
  const spec = { ...fileInput(cast, { bounds: { maxTenantSpans: 1 } }), ref: { tenant: 'mortal', id: cast.id } };
  // Time is not skipped while an activity is asked for: whoever holds the lane asks for none.
  const holder = await here.client.workflow.start(WORKFLOW.lanes, {
    taskQueue: 'orchestrator',
    workflowId: `${cast.id}-holder`,
    args: ['nobody'],
  });
  const ask: AskLanes = { file: holder.workflowId, lanes: 1, priority: 'normal', bound: 1, turn: 1 };
  await here.client.workflow.signalWithStart(WORKFLOW.lanes, {
    taskQueue: 'orchestrator',
    workflowId: lanesWorkflowId('mortal'),
    args: ['mortal'],
    signal: SIGNAL.askLanes,
    signalArgs: [ask],
  });
  cast.decoded = { ok: true, plan: planOf(1) };
  cast.stream = commitOne(here);
  const waiting = await here.startFile(spec);
  await until('it waits for a lane', () => here.view(waiting), ({ state }) => state === 'streaming'); // prettier-ignore
  await holder.terminate();
  const result = resultOf(waiting);
  expect(cast.streams).toEqual([]);
  // The first minute may have begun before the file waited.
  for (let minutes = 0; cast.streams.length === 0 && minutes < 5; minutes += 1) await here.env.sleep('61s');
  expect(await result).toMatchObject({ state: 'completed' });
  expect(cast.streams).toHaveLength(1);
});
