/** The stream of a session's events. */
import type { OpenAPIRegistry } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { doneEventSchema, eventParameters, finalEventSchema, queuedEventSchema } from '../event-schemas.ts';
import { ALWAYS, BAD_PARAMETERS, problems, withId } from './parts.ts';

export function describeEvents(registry: OpenAPIRegistry): void {
  registry.register('FinalEvent', finalEventSchema);
  registry.register('QueuedEvent', queuedEventSchema);
  registry.register('DoneEvent', doneEventSchema);
  registry.registerPath({
    method: 'get',
    path: '/v1/sessions/{id}/events',
    tags: ['results'],
    summary: 'What happens in a session, as server-sent events: `session`, `queued`, `final`, `done`',
    description:
      'Each final once, in order, from the first or from `Last-Event-ID` on, of a session that runs or has ended; then `done`. ' +
      'Data are JSON: Session, QueuedEvent, FinalEvent, DoneEvent. Of states that followed each other quickly the last is told. ' +
      'Any gateway goes on from any id.',
    request: {
      params: withId,
      query: eventParameters,
      headers: z.object({ 'last-event-id': z.string().optional().describe('the id of the last event that came') }),
    },
    responses: {
      200: {
        description: 'The events',
        content: {
          'text/event-stream': {
            schema: z.string(),
            example:
              'retry: 1000\n\nevent: final\nid: 1.3f2a9c01\ndata: {"type":"final","index":0,"text":"ask not",…}\n\n' +
              'event: done\nid: 1.done\ndata: {"state":"completed","segments":1,"audioMs":11000,"error":null}\n\n',
          },
        },
      },
      204: { description: 'The id is that of `done`, and the session has not begun anew: do not come again' },
      ...problems(...BAD_PARAMETERS, 'not_found', 'too_many_streams', ...ALWAYS),
    },
  });
}
