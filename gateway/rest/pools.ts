/** REST for the pools: how many workers each one has, why, and an operator's word on it. */
import { json, Router } from 'express';
import type { Request } from 'express';
import type { PoolView } from '../../workflows/pool/contract.ts';
import { costByTenant, costOf, costPerSession, monthForecast, monthName } from '../../workflows/pool/cost.ts';
import type { DaySpent, Override } from '../../workflows/pool/state.ts';
import { Failure } from '../failures.ts';
import type { Gateway } from '../ports.ts';
import { parseParameters } from '../protocol.ts';
import { refuseOtherMethods } from './methods.ts';
import { calendarSchema, limitsSchema, overrideSchema } from './pool-schemas.ts';
import type { Pool } from './pool-schemas.ts';

/** A calendar of 200 entries. */
const BODY_LIMIT = '64kb';

export function poolRoutes(gateway: Gateway): Router {
  const { pools } = gateway;
  const router = Router();
  const body = json({ limit: BODY_LIMIT });
  const shown = async (model: string): Promise<Pool> => poolOf(await pools.view(model));
  router.get('/', async (_request, response) => {
    const models = Object.keys(gateway.settings.catalogue.models);
    const views = await Promise.all(models.map((model) => shown(model).catch(nobody)));
    response.json({ pools: views.filter((view) => view !== null) });
  });
  router.get('/:id', async (request, response) => void response.json(await shown(modelOf(gateway, request))));
  router.put('/:id/override', body, async (request, response) => {
    const model = modelOf(gateway, request);
    const { workers, until, by, why } = parseParameters(overrideSchema, request.body ?? {});
    await pools.override(model, { workers, untilMs: Date.parse(until), by, why });
    response.json(await shown(model));
  });
  router.delete('/:id/override', async (request, response) => {
    const model = modelOf(gateway, request);
    await pools.override(model, null);
    response.json(await shown(model));
  });
  router.put('/:id/limits', body, async (request, response) => {
    const model = modelOf(gateway, request);
    await pools.limits(model, parseParameters(limitsSchema, request.body ?? {}));
    response.json(await shown(model));
  });
  router.delete('/:id/limits', async (request, response) => {
    const model = modelOf(gateway, request);
    await pools.limits(model, null);
    response.json(await shown(model));
  });
  router.put('/:id/calendar', body, async (request, response) => {
    const model = modelOf(gateway, request);
    await pools.calendar(model, parseParameters(calendarSchema, request.body ?? {}));
    response.json(await shown(model));
  });
  router.delete('/:id/calendar', async (request, response) => {
    const model = modelOf(gateway, request);
    await pools.calendar(model, null);
    response.json(await shown(model));
  });
  for (const [verb, paused] of [
    ['pause', true],
    ['resume', false],
  ] as const) {
    router.post(`/:id/${verb}`, async (request, response) => {
      const model = modelOf(gateway, request);
      await pools.pause(model, paused);
      response.json(await shown(model));
    });
  }
  return refuseOtherMethods(router);
}

function modelOf({ settings: { catalogue } }: Gateway, request: Request): string {
  const { id } = request.params;
  if (typeof id !== 'string' || !Object.hasOwn(catalogue.models, id)) throw new Failure('not_found', 'no such pool');
  return id;
}

/** A model whose workers nobody scales has no pool here. */
function nobody(error: unknown): null {
  if (error instanceof Failure && error.type === 'not_found') return null;
  throw error;
}

const isoTime = (ms: number): string => new Date(ms).toISOString();

function poolOf({ model, policy, state, observation, decisions, fault }: PoolView): Pool {
  const last = decisions.at(-1);
  return {
    id: model,
    target: last?.target ?? null,
    rule: last?.rule ?? null,
    why: last?.sentence ?? null,
    paused: state.paused,
    fault,
    override: state.override && overrideShown(state.override),
    limits: state.limits,
    timeZone: policy.timeZone,
    calendar: state.calendar ? calendarSchema.parse(state.calendar) : null,
    observed:
      observation === null
        ? null
        : {
            at: isoTime(observation.atMs),
            asked: observation.asked,
            workers: observation.workers,
            slots: observation.slots,
            waiting: observation.waiting,
          },
    decisions: decisions.map(({ atMs, target, rule, numbers, sentence, notices }) => ({
      ...{ at: isoTime(atMs), target, rule, numbers, sentence },
      notices: notices.map((notice) => ({ kind: notice.kind, sentence: notice.sentence })),
    })),
    cost: costShown({ policy, state, observation }),
  };
}

const overrideShown = ({ workers, untilMs, by, why }: Override) => ({ workers, until: isoTime(untilMs), by, why });

/** What the pool has cost, where prices are known. */
function costShown({ policy, state, observation }: Pick<PoolView, 'policy' | 'state' | 'observation'>): Pool['cost'] {
  const { prices, timeZone } = policy;
  if (prices === null || observation === null) return null;
  const now = { atMs: observation.atMs, timeZone };
  const { soFar, forecast } = monthForecast(state.spent, prices, now);
  const used = state.used?.find(({ month }) => month === monthName(now))?.tenants ?? {};
  const sessions = Object.values(used).reduce((sum, each) => sum + each.sessions, 0);
  return {
    currency: prices.currency,
    days: state.spent.map((day) => dayShown(day, costOf(day, prices))),
    month: { soFar, forecast, sessions, costPerSession: costPerSession(soFar, sessions) },
    tenants: Object.entries(costByTenant(soFar, used))
      .map(([tenant, share]) => ({ tenant, ...share }))
      .sort((a, b) => b.cost - a.cost),
  };
}

function dayShown(day: DaySpent, cost: number) {
  const { sessions = 0 } = day;
  return { ...day, cost, sessions, costPerSession: costPerSession(cost, sessions) };
}
