/** The files of `longhand simulate`: JSON, checked field by field. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { issuesOf, parsePolicy, timetable } from '../../../infra/pool/policy-file.ts';
import { isTimeZone } from '../../../workflows/pool/local-time.ts';
import type { Calendar, Policy, Prices } from '../../../workflows/pool/policy.ts';
import { policyFault, timetableFault } from '../../../workflows/pool/policy-fault.ts';
import { CliError, EXIT } from '../failure.ts';
import { unreadable } from '../input-file.ts';

/** @throws CliError that names the file, the fields that are wrong, and what is allowed */
async function readJson<T>(path: string, parse: (json: unknown) => T): Promise<T> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new CliError(`${path}: ${unreadable(error).message}`, EXIT.wrongUse);
  });
  try {
    return parse(JSON.parse(text));
  } catch (error) {
    const why = error instanceof SyntaxError ? `is not JSON (${error.message})` : (error as Error).message;
    throw new CliError(`${path}: ${why.replaceAll('\n', `\n  ${path}: `)}`, EXIT.wrongUse);
  }
}

function checked<T extends z.ZodType>(schema: T, json: unknown): z.infer<T> {
  const { data, error } = schema.safeParse(json);
  if (error !== undefined) throw new Error(issuesOf(error));
  return data;
}

const price = () => z.number().min(0);

const priceList = z.strictObject({
  currency: z.string().min(1).default('USD'),
  standingWorkerHour: price(),
  burstWorkerHour: price(),
  poolHour: price().default(0),
});

/** The prices of docs/examples/table-3.1.json: a t3.large for a worker, or Fargate with two t3.small besides. */
const tablePrices = z.looseObject({ 't3.large': price(), 't3.small': price(), fargateWorkerHour: price() });

const calendarFile = z.looseObject({
  timeZone: z.string().refine(isTimeZone, 'expected an IANA name, e.g. Asia/Singapore').default('UTC'),
  leadMinutes: z.number().min(0).max(1440).default(0),
  workersByHour: z.array(z.int().min(0).max(100_000)).length(24).optional(),
  entries: z.unknown().optional(),
  prices: tablePrices.optional(),
  priceLists: z.record(z.string(), priceList).default({}),
});

export interface CalendarFile {
  readonly calendar: Calendar & { readonly timetable: z.infer<typeof timetable> };
  readonly timeZone: string;
  readonly priceLists: Readonly<Record<string, Prices>>;
}

export const readCalendar = (path: string): Promise<CalendarFile> =>
  readJson(path, (json) => {
    const { timeZone, leadMinutes, workersByHour, entries, prices, priceLists } = checked(calendarFile, json);
    if ((workersByHour === undefined) === (entries === undefined)) {
      throw new Error('give either workersByHour (24 numbers) or entries (of {"cron", "workers"})');
    }
    const kind = workersByHour === undefined ? { kind: 'cron', entries } : { kind: 'hours', workersByHour };
    const table = checked(timetable, kind);
    const fault = timetableFault(table);
    if (fault !== null) throw new Error(fault);
    const leadMs = leadMinutes * 60_000;
    const calendar = { timetable: table, leadMs, role: 'expected' as const, servedShare: 0.99 };
    return { calendar, timeZone, priceLists: { ...(prices && listsOf(prices)), ...priceLists } };
  });

/** Burst workers cost what the list's workers do; Fargate's control plane is two t3.small. */
function listsOf(prices: z.infer<typeof tablePrices>): Record<string, Prices> {
  const list = (worker: number, poolHour: number): Prices => ({
    currency: 'USD',
    standingWorkerHour: worker,
    burstWorkerHour: worker,
    poolHour,
  });
  return { ec2: list(prices['t3.large'], 0), fargate: list(prices.fargateWorkerHour, 2 * prices['t3.small']) };
}

const time = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'expected a time of the day, e.g. 11:00');

const arrivalsFile = z.strictObject({
  /** 24 numbers, or `calendar`: of each hour the most that its workers serve in time. */
  sessionsByHour: z.union([z.literal('calendar'), z.array(z.number().min(0).max(1_000_000)).length(24)]).optional(),
  servedShare: z.number().min(0.5).max(0.9999).default(0.99),
  withinSeconds: z.number().min(0).max(3600).default(2),
  sessionSeconds: z.number().min(0.001).max(172_800).default(240),
  sessionCv: z.number().min(0).max(10).default(1),
  scale: z.number().min(0).max(1000).default(1),
  earlierMinutes: z.number().min(-1440).max(1440).default(0),
  bursts: z
    .array(z.strictObject({ at: time, minutes: z.number().min(0.1).max(1440), factor: z.number().min(0).max(1000) }))
    .max(100)
    .default([]),
  /** Instead of rates: what was recorded. */
  sessions: z
    .array(z.strictObject({ atSeconds: z.number().min(0).lt(86_400), seconds: z.number().min(0).max(172_800) }))
    .max(5_000_000)
    .optional(),
  startUpSeconds: z.number().min(0).max(86_400).default(180),
});

export type ArrivalsFile = z.infer<typeof arrivalsFile>;

export const readArrivals = (path: string): Promise<ArrivalsFile> =>
  readJson(path, (json) => {
    const file = checked(arrivalsFile, json);
    if ((file.sessionsByHour === undefined) === (file.sessions === undefined)) {
      throw new Error(
        'give either sessionsByHour (24 numbers, or "calendar") or sessions (of {"atSeconds", "seconds"})',
      );
    }
    return file;
  });

/** No sessions at all: what the calendar alone comes to. */
export const noArrivals: ArrivalsFile = checked(arrivalsFile, { sessions: [] });

export const readPolicy = (path: string): Promise<Policy> =>
  readJson(path, (json) => {
    const policy = parsePolicy(json);
    const fault = policyFault(policy);
    if (fault !== null) throw new Error(fault);
    return policy;
  });
