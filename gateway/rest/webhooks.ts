/** REST for webhooks: what was sent and with what success, dead letters and sending them again, receivers that are disabled. */
import { Router } from 'express';
import type { Request } from 'express';
import type { z } from 'zod';
import { MESSAGE_ID_PATTERN, RECEIVER_PATTERN } from '../../workflows/webhook/contract.ts';
import type { MessageView } from '../../workflows/webhook/contract.ts';
import { Failure } from '../failures.ts';
import type { Gateway } from '../ports.ts';
import { parseParameters } from '../protocol.ts';
import type { WebhookState } from '../webhooks/port.ts';
import { refuseOtherMethods } from './methods.ts';
import { listParameters } from './schemas.ts';
import { queryOf } from './session-ref.ts';
import { webhookParameters } from './webhook-schemas.ts';
import type { receiverListSchema, webhookListSchema, webhookSchema } from './webhook-schemas.ts';

export function webhookRoutes(gateway: Gateway): Router {
  const { webhooks, settings } = gateway;
  const router = Router();
  router.get('/', async (request, response) => {
    const { state, limit, cursor } = parseParameters(webhookParameters, queryOf(request));
    response.json(await listed(gateway, state ?? null, limit, cursor));
  });
  router.get('/dead-letters', async (request, response) => {
    const { limit, cursor } = parseParameters(listParameters, queryOf(request));
    response.json(await listed(gateway, 'dead', limit, cursor));
  });
  router.post('/dead-letters/:id/send', async (request, response) => {
    const id = named(request, MESSAGE_ID_PATTERN, 'no such dead letter');
    response.status(202).json(shown(id, await webhooks.sendAgain(settings.tenant, id)));
  });
  router.get('/receivers', async (request, response) => {
    const { limit, cursor } = parseParameters(listParameters, queryOf(request));
    const page = await webhooks.disabled(settings.tenant, limit, cursor ?? null);
    const body: z.input<typeof receiverListSchema> = { receivers: [...page.items], nextCursor: page.cursor };
    response.json(body);
  });
  router.post('/receivers/:id/enable', async (request, response) => {
    const id = named(request, RECEIVER_PATTERN, 'no such receiver is disabled');
    await webhooks.enable(settings.tenant, id);
    response.status(202).json({ id, disabled: false });
  });
  router.get('/:id', async (request, response) => {
    const id = named(request, MESSAGE_ID_PATTERN, 'no such webhook');
    response.json(shown(id, await webhooks.show(settings.tenant, id)));
  });
  return refuseOtherMethods(router);
}

/** A name that cannot be one is answered like one that does not exist. */
function named(request: Request, pattern: RegExp, none: string): string {
  const { id } = request.params;
  if (typeof id !== 'string' || !pattern.test(id)) throw new Failure('not_found', none);
  return id;
}

async function listed(
  { webhooks, settings }: Gateway,
  state: WebhookState | null,
  limit: number,
  cursor: string | undefined,
): Promise<z.input<typeof webhookListSchema>> {
  const page = await webhooks.list(settings.tenant, state, limit, cursor ?? null);
  return { webhooks: [...page.items], nextCursor: page.cursor };
}

const shown = (id: string, view: MessageView): z.input<typeof webhookSchema> => ({
  id,
  ...view,
  attempts: [...view.attempts],
});
