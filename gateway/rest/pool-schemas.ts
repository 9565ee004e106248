/** What the pools' operations take and give. */
import { extendZodWithOpenApi } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { LONGEST_LEAD_MS, MOST_ENTRIES, MOST_WORKERS } from '../../workflows/pool/controls.ts';
import { RULES } from '../../workflows/pool/decision.ts';

extendZodWithOpenApi(z);

const count = z.int().min(0);

export const overrideSchema = z.strictObject({
  workers: count.max(1_000_000),
  until: z.iso.datetime({ offset: true }).describe('when the rules decide again; at most 30 days ahead'),
  by: z.string().min(1).max(200).describe('who says so'),
  why: z.string().max(1000).default(''),
});

export const limitsSchema = z.strictObject({ minWorkers: count, maxWorkers: count.max(1_000_000) });

const entry = z.strictObject({ cron: z.string().max(200), workers: count.max(MOST_WORKERS) });

/** The `calendar` of a policy (docs/scaling.md), with the same bounds and defaults. */
export const calendarSchema = z.strictObject({
  timetable: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('hours'), workersByHour: z.array(count.max(MOST_WORKERS)).length(24) }),
    z.strictObject({ kind: z.literal('cron'), entries: z.array(entry).min(1).max(MOST_ENTRIES) }),
  ]),
  leadMs: z.number().min(0).max(LONGEST_LEAD_MS).default(0).describe('rises come so much earlier'),
  role: z
    .enum(['floor', 'expected'])
    .default('expected')
    .describe('floor: never fewer workers; expected: only tells the forecast what to expect'),
  servedShare: z.number().min(0.5).max(0.9999).default(0.99),
});

const workers = z.object({ standing: z.int(), burst: z.int() });
const rule = z.enum(RULES);

const decision = z.object({
  at: z.string(),
  target: z.int(),
  rule: rule.describe('the rule whose number the target is'),
  numbers: z.record(rule, z.number().nullable()).describe("each rule's own number; null where it has none"),
  sentence: z.string(),
  notices: z.array(z.object({ kind: z.string(), sentence: z.string() })),
});

const day = z.object({
  day: z.string(),
  standingHours: z.number(),
  burstHours: z.number(),
  hours: z.number(),
  cost: z.number(),
  sessions: z.int().describe('that ended, each one that had a slot; spans of files are counted one by one'),
  costPerSession: z.number().nullable().describe('null where none ended'),
});

const tenantCost = z.object({
  tenant: z.string(),
  sessions: z.int(),
  slotMs: z.number().describe('for which its sessions held their slots'),
  cost: z.number().describe("its share of the month's cost so far, by slot time: idle workers included"),
});

export const poolSchema = z
  .object({
    id: z.string().describe('the model'),
    target: z.int().nullable().describe('workers wanted; null before the first decision'),
    rule: rule.nullable(),
    why: z.string().nullable().describe('the last decision in words'),
    paused: z.boolean(),
    fault: z.string().nullable().describe('why the pool cannot be seen or changed at present'),
    override: overrideSchema.extend({ why: z.string() }).nullable(),
    limits: limitsSchema.nullable(),
    timeZone: z.string().describe('of the hours of the calendar and of the days of the cost'),
    calendar: calendarSchema.nullable().describe("an operator's calendar instead of the policy's"),
    observed: z
      .object({
        at: z.string(),
        asked: workers.describe('what the platform is asked for'),
        workers: z.object({ starting: z.int(), busy: z.int(), idle: z.int(), draining: z.int() }),
        slots: z.object({ busy: z.int(), idle: z.int() }),
        waiting: z.object({ sessions: z.int(), oldestMs: z.number() }),
      })
      .nullable(),
    decisions: z.array(decision).describe('those that changed something, newest last'),
    cost: z
      .object({
        currency: z.string(),
        days: z.array(day),
        month: z.object({
          soFar: z.number(),
          forecast: z.number(),
          sessions: z.int(),
          costPerSession: z.number().nullable(),
        }),
        tenants: z.array(tenantCost).describe('of this month, the dearest first'),
      })
      .nullable()
      .describe('null where the policy has no prices'),
  })
  .openapi('Pool');
export type Pool = z.output<typeof poolSchema>;

export const poolListSchema = z.object({ pools: z.array(poolSchema) }).openapi('PoolList');
