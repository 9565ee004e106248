/**
 * The scaler of one model's pool: observes, decides, applies, and writes down why, tick by tick for as long as the
 * installation lives. The rules are pure ({@link decide}); each decision that changes something is an activity's input,
 * with its sentence, in this workflow's history.
 */
import {
  ActivityFailure,
  ApplicationFailure,
  allHandlersFinished,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  log,
  proxyActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { POOL_QUERY, POOL_SIGNAL, POOL_UPDATE } from './contract.ts';
import type { PoolCarried, PoolInput, PoolView, ScalingActivities } from './contract.ts';
import {
  calendarFault,
  followedPolicy,
  limitsFault,
  overrideFault,
  withCalendar,
  withLimits,
  withOverride,
  withPause,
} from './controls.ts';
import { decide } from './decide.ts';
import type { Decision } from './decision.ts';
import type { Observation } from './observation.ts';
import type { Calendar, Policy } from './policy.ts';
import { initialPoolState } from './state.ts';
import type { Limits, Override } from './state.ts';

const ROTATE_AFTER_EVENTS = 1000;
const DECISIONS_KEPT = 50;
/** Workers that are on their way out are looked after so often. */
const LEAVING_MS = 1000;

const overrideUpdate = defineUpdate<null, [Override | null]>(POOL_UPDATE.override);
const pauseUpdate = defineUpdate<null, [boolean]>(POOL_UPDATE.pause);
const limitsUpdate = defineUpdate<null, [Limits | null]>(POOL_UPDATE.limits);
const calendarUpdate = defineUpdate<null, [Calendar | null]>(POOL_UPDATE.calendar);
const wakeSignal = defineSignal(POOL_SIGNAL.wake);
const configureSignal = defineSignal<[Policy, number]>(POOL_SIGNAL.configure);
const viewQuery = defineQuery<PoolView>(POOL_QUERY.view);

/** A platform that does not answer is asked again at the next tick: what was decided then may be wrong by now. */
const platform = proxyActivities<ScalingActivities>({
  startToCloseTimeout: '20s',
  scheduleToCloseTimeout: '30s',
  retry: { maximumAttempts: 1 },
});

const REFUSED = 'InvalidControl';

class PoolRun {
  readonly model: string;
  policy: Policy;
  tickMs: number;
  carried: PoolCarried;
  fault: string | null;
  /** Workers are on their way out. */
  leaving = false;
  woken = false;

  constructor({ model, policy, tickMs, carried }: PoolInput) {
    this.model = model;
    this.policy = policy;
    this.tickMs = tickMs;
    this.fault = carried?.fault ?? null;
    this.carried = carried ?? { state: initialPoolState, observedAtMs: null, observation: null, decisions: [] };
  }

  view(): PoolView {
    const { model, policy, fault, carried } = this;
    return { model, policy, ...carried, fault };
  }

  /** Observes, decides, applies. What cannot be done now is left for the next tick. */
  async tick(): Promise<void> {
    const { model } = this;
    const { asked } = this.carried.state;
    this.woken = false;
    try {
      const observation = await platform.observePool({ model, sinceMs: this.carried.observedAtMs });
      const decision = this.#decide(observation);
      const needed = observation.workers.draining > 0 || changes(observation, decision);
      // Called whatever was decided: rules may change from one release to the next, and histories must replay all the same.
      const { settled, draining } = await platform.applyDecision({ model, decision, needed });
      this.leaving = !settled;
      this.carried = { ...this.carried, state: { ...this.carried.state, told: draining.length } };
      this.#recovered();
    } catch (error) {
      if (!(error instanceof ActivityFailure)) throw error;
      this.leaving = false;
      // What the platform did not take was not asked for.
      this.carried = { ...this.carried, state: { ...this.carried.state, asked } };
      this.#failed(error.cause?.message ?? error.message);
    }
  }

  #decide(observation: Observation): Decision {
    const { decision, state } = decide(
      followedPolicy(this.policy, this.carried.state),
      observation,
      this.carried.state,
    );
    for (const { sentence } of decision.notices) log.warn(sentence, { model: this.model });
    const decisions = remembered(this.carried.decisions, decision);
    this.carried = { state, observedAtMs: observation.atMs, observation, decisions };
    return decision;
  }

  #failed(why: string): void {
    if (this.fault === null) log.warn('the pool cannot be scaled at present', { model: this.model, why });
    this.fault = why;
  }

  #recovered(): void {
    if (this.fault !== null) log.warn('the pool can be scaled again', { model: this.model });
    this.fault = null;
  }

  change(state: PoolCarried['state']): null {
    this.carried = { ...this.carried, state };
    this.woken = true;
    return null;
  }
}

const changes = ({ asked }: Observation, { workers }: Decision): boolean =>
  asked.standing !== workers.standing || asked.burst < workers.burst;

/** A decision that says the same as the one before takes its place. */
function remembered(before: readonly Decision[], decision: Decision): Decision[] {
  const last = before.at(-1);
  const isSame =
    last !== undefined &&
    last.target === decision.target &&
    last.rule === decision.rule &&
    last.notices.length === 0 &&
    decision.notices.length === 0;
  return [...(isSame ? before.slice(0, -1) : before), decision].slice(-DECISIONS_KEPT);
}

function refuse(fault: string | null): void {
  if (fault !== null) throw ApplicationFailure.nonRetryable(fault, REFUSED);
}

function listen(run: PoolRun): void {
  setHandler(viewQuery, () => run.view());
  setHandler(wakeSignal, () => void (run.woken = true));
  setHandler(configureSignal, (policy, tickMs) => {
    [run.policy, run.tickMs, run.woken] = [policy, tickMs, true];
  });
  setHandler(overrideUpdate, (override) => run.change(withOverride(run.carried.state, override)), {
    validator: (override: Override | null) => refuse(override && overrideFault(override, run.policy, Date.now())),
  });
  setHandler(pauseUpdate, (paused) => run.change(withPause(run.carried.state, paused)));
  setHandler(limitsUpdate, (limits) => run.change(withLimits(run.carried.state, limits)), {
    validator: (limits: Limits | null) => refuse(limits && limitsFault(limits, run.policy)),
  });
  setHandler(calendarUpdate, (calendar) => run.change(withCalendar(run.carried.state, calendar)), {
    validator: (calendar: Calendar | null) => refuse(calendar && calendarFault(calendar, run.policy)),
  });
}

export async function pool(input: PoolInput): Promise<never> {
  const run = new PoolRun(input);
  listen(run);
  while (workflowInfo().historyLength < ROTATE_AFTER_EVENTS) {
    await run.tick();
    await condition(() => run.woken, run.leaving ? Math.min(run.tickMs, LEAVING_MS) : run.tickMs);
  }
  await condition(allHandlersFinished);
  const { policy, tickMs, carried, fault } = run;
  return await continueAsNew<typeof pool>({ ...input, policy, tickMs, carried: { ...carried, fault } });
}
