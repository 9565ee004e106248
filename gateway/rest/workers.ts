/** REST for the workers: who is there, and what each one does. */
import { Router } from 'express';
import type { Gateway, WorkerSummary } from '../ports.ts';

export function workerRoutes(gateway: Gateway): Router {
  const router = Router();
  router.get('/', async (_request, response) => {
    const workers = await gateway.sessions.workers();
    response.json({ workers: workers.map((worker) => shownWorker(worker, gateway.settings.tenant)) });
  });
  return router;
}

/** Ids of other tenants' sessions are nobody else's business. */
function shownWorker({ workerId, model, pid, host, slots, sessions, startedAt }: WorkerSummary, tenant: string) {
  const prefix = `session/${tenant}/`;
  const own = sessions.filter((id) => id.startsWith(prefix)).map((id) => id.slice(prefix.length));
  return { id: workerId, model, pid, host, slots, sessions: own, startedAt };
}
