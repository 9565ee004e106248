/** REST for the workers: who is there, and what each one does. */
import { Router } from 'express';
import { NAME_PATTERN } from '../../workflows/contract.ts';
import { Failure } from '../failures.ts';
import type { Gateway, WorkerSummary } from '../ports.ts';
import { refuseOtherMethods } from './methods.ts';

export function workerRoutes(gateway: Gateway): Router {
  const router = Router();
  router.get('/', async (_request, response) => {
    const workers = await gateway.sessions.workers();
    response.json({ workers: workers.map((worker) => shownWorker(worker, gateway.settings.tenant)) });
  });
  router.post('/:id/drain', async (request, response) => {
    const { id } = request.params;
    if (!NAME_PATTERN.test(id)) throw new Failure('not_found', 'no such worker');
    await gateway.sessions.drainWorker(id);
    response.status(202).json({ id, draining: true });
  });
  return refuseOtherMethods(router);
}

/** Ids of other tenants' sessions are nobody else's business. */
function shownWorker(worker: WorkerSummary, tenant: string) {
  const { workerId, model, pid, host, slots, draining, sessions, startedAt } = worker;
  const prefix = `session/${tenant}/`;
  const own = sessions.filter((id) => id.startsWith(prefix)).map((id) => id.slice(prefix.length));
  return { id: workerId, model, pid, host, slots, draining, sessions: own, startedAt };
}
