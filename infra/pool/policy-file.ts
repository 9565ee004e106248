/**
 * The policy of a pool as a file: JSON, every field with a default (docs/scaling.md). Durations in milliseconds. What the
 * fields mean together, cron entries and the time zone are checked by workflows/pool/policy-fault.ts.
 */
import { z } from 'zod';

const count = () => z.int().min(0).max(100_000);
const duration = () => z.number().min(0).max(86_400_000);
const price = () => z.number().min(0);
const share = () => z.number().min(0).max(1);
/** Of sessions that are to be served in time: 1 would ask for any number of workers. */
const servedShare = () => z.number().min(0.5).max(0.9999);

export const timetable = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('hours'), workersByHour: z.array(count()).length(24) }),
  z.strictObject({
    kind: z.literal('cron'),
    entries: z
      .array(z.strictObject({ cron: z.string(), workers: count() }))
      .min(1)
      .max(200),
  }),
]);

const calendar = z.strictObject({
  timetable,
  leadMs: duration().default(0),
  role: z.enum(['floor', 'expected']).default('expected'),
  servedShare: servedShare().default(0.99),
});

const arrivalsByHour = z
  .array(z.number().min(0).max(10_000_000))
  .refine(({ length }) => length === 24 || length === 168, 'expected 24 numbers (a day) or 168 (a week, from Monday)');

const forecast = z.strictObject({
  servedShare: servedShare().default(0.996),
  withinMs: duration().default(2000),
  sessionMs: z.number().min(1).max(172_800_000).default(240_000),
  sessionCv: z.number().min(0).max(10).default(1),
  arrivalsByHour: arrivalsByHour.nullable().default(null),
  priorWeeks: z.number().min(0.1).max(52).default(4),
  dayCv: z.number().min(0.01).max(5).default(0.3),
  keepMs: duration().default(120_000),
});

const policy = z.strictObject({
  timeZone: z.string().default('UTC'),
  minWorkers: count().default(1),
  maxWorkers: count().default(10),
  slotsPerWorker: z.int().min(1).max(10_000).default(1),
  calendar: calendar.nullable().default(null),
  headroom: z
    .strictObject({ idleSlots: count().default(0), idleShare: z.number().min(0).max(10).default(0) })
    .nullable()
    .default(null),
  backlog: z
    .strictObject({ afterMs: duration().default(0) })
    .nullable()
    .default({ afterMs: 0 }),
  forecast: forecast.nullable().default(() => forecast.parse({})),
  startUp: z
    .strictObject({
      expectedMs: duration().default(180_000),
      failedAfterMs: z.number().min(1000).max(86_400_000).default(900_000),
    })
    .default({ expectedMs: 180_000, failedAfterMs: 900_000 }),
  scaleDown: z
    .strictObject({ coolDownMs: duration().default(30_000), hysteresisShare: share().default(0) })
    .default({ coolDownMs: 30_000, hysteresisShare: 0 }),
  burst: z
    .strictObject({ maxWorkers: count(), maxCostPerDay: price().nullable().default(null) })
    .nullable()
    .default(null),
  prices: z
    .strictObject({
      currency: z.string().min(1).default('USD'),
      standingWorkerHour: price(),
      burstWorkerHour: price(),
      poolHour: price().default(0),
    })
    .nullable()
    .default(null),
});

/** Fits `Policy` of workflows/pool/policy.ts; the entry points' compiler checks it. */
export type PolicyFile = z.infer<typeof policy>;

/** @throws Error of one line for each field that is wrong: where it is, what is there and what is allowed */
export function parsePolicy(json: unknown): PolicyFile {
  const { data, error } = policy.safeParse(json);
  if (error !== undefined) throw new Error(issuesOf(error));
  return data;
}

/** `scaleDown.coolDownMs: Too small: expected number to be >=0`. */
export const issuesOf = ({ issues }: z.ZodError): string =>
  issues.map(({ path, message }) => `${path.length > 0 ? path.join('.') : 'the file'}: ${message}`).join('\n');
