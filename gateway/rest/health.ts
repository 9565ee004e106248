/** Health: /livez says the process runs; /readyz that it can do its work (Temporal reached, storage written to, not ending). */
import { Router } from 'express';
import type { Gateway } from '../ports.ts';

type Check = readonly [name: string, check: () => Promise<void>];

const LIMIT_MS = 3000;

export function healthRoutes(gateway: Gateway, isDraining: () => boolean): Router {
  const checks: readonly Check[] = [
    ['accepting', () => (isDraining() ? Promise.reject(new Error('draining')) : Promise.resolve())],
    ['temporal', () => gateway.sessions.check()],
    ['storage', () => gateway.objects.check()],
  ];
  const router = Router();
  router.get('/livez', (_request, response) => void response.type('text').send('ok'));
  router.get('/readyz', async (request, response) => {
    const results = await Promise.all(checks.map(run));
    const ready = results.every(({ ok }) => ok);
    const lines = results.map(({ name, ok }) => `[${ok ? '+' : '-'}]${name} ${ok ? 'ok' : 'failed'}`);
    const verbose = 'verbose' in request.query || !ready;
    response
      .status(ready ? 200 : 503)
      .type('text')
      .send(verbose ? `${lines.join('\n')}\n` : 'ok');
  });
  return router;
}

async function run([name, check]: Check): Promise<{ name: string; ok: boolean }> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), LIMIT_MS)));
  const answered = check().then(
    () => true,
    () => false,
  );
  const ok = await Promise.race([answered, limit]);
  clearTimeout(timer);
  return { name, ok };
}
