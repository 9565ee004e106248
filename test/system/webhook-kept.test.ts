/** A webhook that nobody wants: a server whose time is skipped by a month is not asked to skip any more. */
import {
  answered,
  ended,
  HOUR,
  liveInput,
  messageOf,
  SECOND,
  target,
  untilState,
} from '../harness/webhook-messages.ts';
import { until } from '../harness/until.ts';
import { Stage } from '../harness/workflow-stage.ts';

let stage: Stage | null = null;
beforeAll(async () => {
  stage = await Stage.open('a webhook that is kept for a month');
}, 120_000);
afterAll(() => stage?.close(), 30_000);

test('a dead letter that nobody sends again is let go of once it is no longer kept', async () => {
  // That it does not run was said when the server was not to be had.
  if (stage === null) return;
  const here = stage;
  const cast = here.cast('kept');
  cast.delivering = () => answered(500);
  await ended(here, cast, liveInput(cast, target('b', { retryMs: [] })));
  const message = await messageOf(here, cast);
  await untilState(message, 'dead');
  // The rest is waited for: with no timer left the server skips no time.
  await here.env.sleep(30 * 24 * HOUR - 2 * SECOND);
  expect((await message.describe()).status.name).toBe('RUNNING');
  await until(
    'it is let go of',
    () => message.describe(),
    ({ status }) => status.name === 'COMPLETED',
  );
});
