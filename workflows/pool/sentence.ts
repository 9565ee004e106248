/** Why, in a sentence for people: the rule, its number, and what it was reckoned from. */
import type { Decision, Rule } from './decision.ts';
import type { Grounds } from './grounds.ts';
import { localTime } from './local-time.ts';

const count = (n: number): string => `${n} ${n === 1 ? 'worker' : 'workers'}`;
const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;
const two = (n: number): string => String(n).padStart(2, '0');

export function sentenceOf(rule: Rule, target: number, numbers: Decision['numbers'], grounds: Grounds): string {
  return `${NAMES[rule]}: ${count(target)}, ${reason(rule, numbers, grounds)}.`;
}

const NAMES: Record<Rule, string> = {
  calendar: 'Calendar',
  headroom: 'Headroom',
  backlog: 'Backlog',
  forecast: 'Forecast',
  busy: 'Busy',
  coolDown: 'Cool-down',
  hysteresis: 'Hysteresis',
  minimum: 'Minimum',
  maximum: 'Maximum',
  costCap: 'Cost cap',
  paused: 'Paused',
  override: 'Override',
};

function reason(rule: Rule, numbers: Decision['numbers'], grounds: Grounds): string {
  const { policy, observation, override } = grounds;
  switch (rule) {
    case 'calendar':
      return calendarReason(grounds);
    case 'headroom':
      return `${observation.slots.busy} busy slots and the idle ones that are wanted beside them`;
    case 'backlog':
      return `${observation.workers.busy} are busy and ${observation.waiting.sessions} sessions wait, the oldest for ${seconds(observation.waiting.oldestMs)}`;
    case 'forecast':
      return forecastReason(grounds);
    case 'busy':
      return `so many hold sessions, and none is cut`;
    case 'coolDown':
      return `the largest number wanted in the last ${seconds(policy.scaleDown.coolDownMs)}; now ${count(wanted(numbers))} would do`;
    case 'hysteresis':
      return `as it is: ${count(numbers.coolDown ?? wanted(numbers))} would do, which is less than ${Math.round(100 * policy.scaleDown.hysteresisShare)} % fewer`;
    case 'minimum':
      return `the fewest that are allowed; the rules want ${wanted(numbers)}`;
    case 'maximum':
      return `the most that are allowed; the rules want ${wanted(numbers)}`;
    case 'costCap':
      return `what the day's money for burst workers pays for; the rules want ${wanted(numbers)}`;
    case 'paused':
      return `as it is: the scaler is paused; the rules want ${wanted(numbers)}`;
    case 'override':
      return `by ${override?.by ?? 'an operator'} until ${new Date(override?.untilMs ?? 0).toISOString()}${override?.why ? ` (${override.why})` : ''}; the rules want ${wanted(numbers)}`;
  }
}

const wanted = ({ calendar, headroom, backlog, forecast, busy }: Decision['numbers']): number =>
  Math.max(calendar ?? 0, headroom ?? 0, backlog ?? 0, forecast ?? 0, busy ?? 0);

function calendarReason({ policy, observation }: Grounds): string {
  const { hour, minute } = localTime(observation.atMs, policy.timeZone);
  const lead = Math.round((policy.calendar?.leadMs ?? 0) / 60_000);
  return `by the table at ${two(hour)}:${two(minute)} (${policy.timeZone}), ${lead} min ahead`;
}

function forecastReason({ policy, observation, forecast, startUpMs }: Grounds): string {
  if (forecast === null || policy.forecast === null) return 'nothing is known';
  const { servedShare, withinMs } = policy.forecast;
  const aim = `so that ${+(100 * servedShare).toFixed(2)} % wait at most ${+(withinMs / 1000).toFixed(1)} s`;
  const minute = `${+(forecast.perSecond * 60).toPrecision(3)} sessions a minute are expected`;
  const day = `the day at ${Math.round(100 * forecast.level)} % of the plan`;
  const off = forecast.offPlan;
  const news =
    off === null
      ? day
      : `${day}, and ${+off.seen.toFixed(0)} came in the last ${seconds(off.forMs)} where ${+off.expected.toFixed(1)} were`;
  const present = observation.slots.busy + observation.waiting.sessions;
  return `${aim}: ${minute} (${news}), ${present} are here, a new worker takes ${seconds(startUpMs)}`;
}
