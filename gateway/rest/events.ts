/** REST for what happens in a session: server-sent events that can be taken up again anywhere. */
import { Router } from 'express';
import type { Request, Response } from 'express';
import { DONE, parseEventId, START } from '../events/event-id.ts';
import type { EventPlace } from '../events/event-id.ts';
import type { EventStreams } from '../events/event-streams.ts';
import { Failure } from '../failures.ts';
import type { Gateway } from '../ports.ts';
import { parseParameters } from '../protocol.ts';
import { refuseOtherMethods } from './methods.ts';
import { eventParameters } from './event-schemas.ts';
import { queryOf, refOf } from './session-ref.ts';

export function eventRoutes(gateway: Gateway, streams: EventStreams): Router {
  const router = Router();
  router.get('/:id/events', (request, response) => followSession(gateway, streams, request, response));
  return refuseOtherMethods(router);
}

const OVER: readonly string[] = ['completed', 'stopped', 'cancelled', 'failed'];

async function followSession(gateway: Gateway, streams: EventStreams, request: Request, response: Response) {
  const ref = refOf(gateway, request);
  const place = placeOf(request);
  const view = await gateway.sessions.view(ref);
  if (place.told === DONE && OVER.includes(view.state)) {
    // It has everything. By this status an EventSource does not come again.
    response.status(204).end();
    return;
  }
  streams.refuseMore();
  if (request.method === 'HEAD') {
    response.type('text/event-stream').end();
    return;
  }
  await streams.serve(ref, view, place, response);
}

/** The header is what an EventSource sends by itself when it comes again, and so the later word. */
function placeOf(request: Request): EventPlace {
  const { lastEventId } = parseParameters(eventParameters, queryOf(request));
  const header = request.headers['last-event-id'];
  if (Array.isArray(header)) throw new Failure('invalid_parameter', 'Last-Event-ID: given more than once');
  const given = header ?? lastEventId ?? '';
  return given === '' ? START : parseEventId(given);
}
