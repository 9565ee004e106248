/**
 * Thousands of worlds, each made by its seed: processes die, hang and wake up replaced, messages come late, twice or never,
 * clients go and come. The rules of workflows/session keep every promise in each. `SIMULATION_SEED=n` runs that world alone,
 * `SIMULATION_COUNT=n` so many.
 */
import { BROKEN_RULES } from './broken-rules.ts';
import { RULES } from './host.ts';
import type { Rules } from './host.ts';
import { World } from './world.ts';
import type { Story } from './world.ts';

const only = process.env['SIMULATION_SEED'];
const first = Number(only ?? 1);
const count = only === undefined ? Number(process.env['SIMULATION_COUNT'] ?? 5000) : 1;

function live(seed: number, rules: Rules): Story {
  try {
    return new World(seed, rules).run();
  } catch (error) {
    throw new Error(`SIMULATION_SEED=${seed}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

test('whatever goes wrong: finals once, in order, as they were said; one lease; one end, in bounded time', () => {
  const stories = Array.from({ length: count }, (_, i) => live(first + i, RULES));
  if (only !== undefined) return;
  // The worlds are hard enough to mean something.
  expect([...new Set(stories.map(({ state }) => state))].sort()).toEqual(['cancelled', 'completed', 'failed']);
  expect(stories.reduce((sum, { epochs }) => sum + epochs, 0)).toBeGreaterThan(2.5 * count);
  expect(stories.filter(({ faults }) => faults.length > 5).length).toBeGreaterThan(count / 2);
}, 60_000);

test('a seed makes the same world again', () => {
  expect(live(first, RULES)).toEqual(live(first, RULES));
});

test.each(Object.entries(BROKEN_RULES))('it is found when %s', (_what, rules) => {
  const lived = (): void => {
    for (let seed = 1; seed <= 3000; seed += 1) live(seed, rules);
  };
  expect(lived).toThrow(/^SIMULATION_SEED=\d+: /);
});
