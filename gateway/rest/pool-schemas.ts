/** What the pools' operations take and give. */
import { z } from 'zod';
import { RULES } from '../../workflows/pool/decision.ts';

const count = z.int().min(0);

export const overrideSchema = z.strictObject({
  workers: count.max(1_000_000),
  until: z.iso.datetime({ offset: true }).describe('when the rules decide again; at most 30 days ahead'),
  by: z.string().min(1).max(200).describe('who says so'),
  why: z.string().max(1000).default(''),
});

export const limitsSchema = z.strictObject({ minWorkers: count, maxWorkers: count.max(1_000_000) });

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
        month: z.object({ soFar: z.number(), forecast: z.number() }),
      })
      .nullable()
      .describe('null where the policy has no prices'),
  })
  .openapi('Pool');
export type Pool = z.output<typeof poolSchema>;

export const poolListSchema = z.object({ pools: z.array(poolSchema) }).openapi('PoolList');
