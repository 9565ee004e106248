/** What a policy is compared with: a static table, KEDA's backlog rule, plain headroom. */
import { calendarWorkers } from '../calendar.ts';
import type { Calendar, Policy } from '../policy.ts';
import { policyScaler } from './scalers.ts';
import type { Scaler } from './world.ts';

/** The table with its lead, whatever comes. */
export const tableScaler = (calendar: Calendar, timeZone: string): Scaler => ({
  everyMs: 5000,
  looksOnQueued: false,
  look: ({ atMs }) => ({ standing: calendarWorkers(calendar, atMs, timeZone), burst: 0 }),
});

const only = (policy: Policy, rules: Partial<Policy>): Policy => ({
  ...policy,
  calendar: null,
  headroom: null,
  backlog: null,
  forecast: null,
  scaleDown: { coolDownMs: 0, hysteresisShare: 0 },
  ...rules,
});

/** The table as it is written, without its lead, by the calendar rule alone. */
export const calendarPolicy = (policy: Policy, calendar: Calendar): Policy =>
  only(policy, { calendar: { ...calendar, role: 'floor', leadMs: 0 } });

/** As many workers as there are sessions, looked at every 30 s, fewer only after 300 s: KEDA's defaults (keda.sh, "ScaledObject specification"). */
export const backlogScaler = (policy: Policy): Scaler =>
  policyScaler(only(policy, { backlog: { afterMs: 0 }, scaleDown: { coolDownMs: 300_000, hysteresisShare: 0 } }), {
    everyMs: 30_000,
    looksOnQueued: false,
  });

/** Busy workers and so many idle ones. */
export const headroomScaler = (policy: Policy, idleSlots: number): Scaler =>
  policyScaler(only(policy, { headroom: { idleSlots, idleShare: 0 } }));
