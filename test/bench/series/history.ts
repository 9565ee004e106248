/** What a session costs in Temporal's history: all its events, over the finals it committed. */
import { Client, Connection } from '@temporalio/client';
import { setTimeout as pause } from 'node:timers/promises';
import { sessionWorkflowId } from '../../../workflows/contract.ts';
import { liveUrl, withSystem } from '../installation.ts';
import { CHUNK_BYTES, Speaker } from '../speaker.ts';
import { shown } from '../statistics.ts';
import type { Series } from './series.ts';

/** Finals come one by one, so that none go together in one commit. */
const SEGMENT_MS = 300;
const SPEECH_MS = 30_000;
const GOAL_EVENTS = 6;
const SESSION = 'history';

/** Events of all runs of the session's workflow. */
async function eventsOf(address: string): Promise<number> {
  const connection = await Connection.connect({ address });
  const client = new Client({ connection });
  const workflowId = sessionWorkflowId({ tenant: 'default', id: SESSION });
  const { historyLength } = await client.workflow.getHandle(workflowId).describe();
  await connection.close();
  return historyLength;
}

export const history: Series = {
  name: 'history',
  run: ({ quick }) =>
    withSystem({ models: { en: { engine: 'scripted', segmentMs: SEGMENT_MS } } }, async (system) => {
      let finals = 0;
      const speaker = new Speaker({
        url: `${liveUrl(system)}?session=${SESSION}`,
        audio: Buffer.alloc(CHUNK_BYTES, 'many short sentences'),
        heard: ({ type }) => (finals += type === 'final' ? 1 : 0),
      });
      await speaker.ready;
      speaker.speak();
      await pause(quick ? SPEECH_MS / 5 : SPEECH_MS);
      await speaker.end();
      const events = await eventsOf(system.temporal.address);
      return [
        {
          what: 'history events per committed final',
          measured: `${shown(events / finals)}: ${events} events, ${finals} finals`,
          goal: `≤ ${GOAL_EVENTS}`,
          reached: events / finals <= GOAL_EVENTS,
          note: 'one whole session, its start, lease and end included',
        },
      ];
    }),
};
