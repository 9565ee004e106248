/** `npx longhand simulate`: its figures, its chart, and what it says of files that are wrong. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { simulate as play } from '../../../workers/cli/simulate/run.ts';
import { run } from './stand-in.ts';

const NOWHERE = 'http://127.0.0.1:9';
const TABLE = 'docs/examples/table-3.1.json';
const simulate = (...args: string[]) => run(NOWHERE, ['simulate', ...args]);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhand-simulate-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function file(content: unknown): Promise<string> {
  const path = join(folder, 'given.json');
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

interface Answer {
  readonly workerHours: number;
  readonly costPerMonth: Record<string, number>;
  readonly waitSeconds: { readonly p99: number };
  readonly sessions: number;
  readonly cut: number;
  readonly tookMs: number;
  readonly rules: Record<string, number>;
  readonly samples: readonly { readonly minute: number; readonly workers: number }[];
}

test('the published table comes to 1437 worker-hours a day and to the two monthly costs it states', async () => {
  const { code, out } = await simulate('--calendar', TABLE, '--policy', 'calendar', '--json');
  expect(code).toBe(0);
  const { workerHours, costPerMonth } = JSON.parse(out) as Answer;
  const stated = JSON.parse(await readFile(TABLE, 'utf8')) as {
    readonly statedPodHoursPerDay: number;
    readonly statedMonthlyCost: Record<string, number>;
  };
  expect(workerHours).toBe(stated.statedPodHoursPerDay);
  expect(costPerMonth['ec2']).toBeCloseTo(0.1056 * 1437 * 30, 6);
  expect(costPerMonth['fargate']).toBeCloseTo((0.08378 * 1437 + 0.0528 * 24) * 30, 6);
  for (const [list, cost] of Object.entries(stated.statedMonthlyCost)) {
    expect(Math.abs((costPerMonth[list] ?? 0) - cost)).toBeLessThan(0.1);
  }
});

test('a day of sessions is played by the same rules, the same for the same seed, and cuts none', async () => {
  const args = [
    '--calendar',
    TABLE,
    '--arrivals',
    'docs/examples/burst-day.json',
    '--policy',
    'docs/examples/policy.json',
  ];
  const [first, again] = await Promise.all([simulate(...args, '--json'), simulate(...args, '--json', '--seed', '1')]);
  const [one, two] = [JSON.parse(first.out) as Answer, JSON.parse(again.out) as Answer];
  expect({ ...two, tookMs: 0 }).toEqual({ ...one, tookMs: 0 });
  expect(one.cut).toBe(0);
  expect(one.sessions).toBeGreaterThan(15_000);
  expect(one.waitSeconds.p99).toBeLessThan(100);
  expect(one.rules['forecast']).toBeGreaterThan(0.5);
  expect(one.samples).toHaveLength(288);
}, 60_000);

test('the text says hours, money and waits, and the chart is a page that loads nothing', async () => {
  const html = join(folder, 'day.html');
  const arrivals = await file({ sessionsByHour: Array<number>(24).fill(10), sessionSeconds: 60 });
  const { code, out } = await simulate(
    '--calendar',
    TABLE,
    '--arrivals',
    arrivals,
    '--policy',
    'table',
    '--html',
    html,
  );
  expect(code).toBe(0);
  expect(out).toMatch(/worker-hours +15\d\d\.\d/);
  expect(out).toMatch(/cost by fargate +\d+\.\d\d USD a month/);
  expect(out).toMatch(/sessions cut +0/);
  const page = await readFile(html, 'utf8');
  expect(page).toContain('<svg xmlns="http://www.w3.org/2000/svg"');
  expect(page).not.toMatch(/(?:src|href)=/);
  expect(page).not.toContain('NaN');
});

test('recorded sessions are played as they were; a name that ends in .svg is a picture', async () => {
  const svg = join(folder, 'day.svg');
  const arrivals = await file({
    sessions: [
      { atSeconds: 7200, seconds: 30 },
      { atSeconds: 3600, seconds: 60 },
    ],
    startUpSeconds: 10,
  });
  const { out } = await simulate('--arrivals', arrivals, '--policy', 'backlog', '--json', '--html', svg);
  expect(JSON.parse(out)).toMatchObject({ sessions: 2, cut: 0, costPerMonth: {} });
  expect(await readFile(svg, 'utf8')).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
});

test('a calendar of cron entries is followed on the day that is named', async () => {
  const calendar = await file({
    timeZone: 'Europe/Berlin',
    entries: [
      { cron: '0 8 * * mon-fri', workers: 10 },
      { cron: '0 18 * * *', workers: 1 },
    ],
  });
  const hours = async (date: string) => {
    const { out } = await simulate('--calendar', calendar, '--policy', 'calendar', '--date', date, '--json');
    return (JSON.parse(out) as Answer).workerHours;
  };
  expect([await hours('2026-01-05'), await hours('2026-01-04')]).toEqual([10 * 10 + 14, 24]);
});

test.each([
  ['calendar', '{"workersByHour": [1, 2]}', /given\.json: workersByHour: .*expected array to have exactly 24 items/],
  ['calendar', '{', /given\.json: is not JSON/],
  ['calendar', '{}', /give either workersByHour \(24 numbers\) or entries/],
  ['calendar', '{"timeZone": "Mars/Olympus", "entries": []}', /timeZone: expected an IANA name/],
  ['calendar', '{"entries": [{"cron": "0 8 * *", "workers": 1}]}', /cron entry "0 8 \* \*": 4 fields; allowed: minute/],
  ['calendar', '{"entries": [{"cron": "0 0 31 2 *", "workers": 1}]}', /cron entry "0 0 31 2 \*" never fires/],
  ['arrivals', '{"sessionsByHour": "calendar"}', /sessionsByHour "calendar" needs --calendar/],
  ['arrivals', '{"bursts": [{"at": "25:00", "minutes": 1, "factor": 2}]}', /bursts\.0\.at: expected a time of the day/],
  ['arrivals', '{"calls": 7}', /Unrecognized key: "calls"/],
  ['arrivals', '{}', /give either sessionsByHour .* or sessions/],
  ['policy', '{"minWorkers": 5, "maxWorkers": 4}', /minWorkers 5 is above maxWorkers 4/],
  ['policy', '{"scaleDown": {"coolDownMs": -1}}', /scaleDown\.coolDownMs: Too small: expected number to be >=0/],
])('%s %s is refused with what is wrong', async (option, content, message) => {
  const options = { policy: 'default', seed: 1, date: '2026-01-05', [option]: await file(content) };
  await expect(play(options)).rejects.toMatchObject({ exitCode: 2, message: expect.stringMatching(message) as string });
});

test.each([
  [['--policy', 'nowhere.json'], /longhand: nowhere\.json: no such file/],
  [['--policy', 'table'], /--policy table needs --calendar/],
  [['--seed', '-1'], /allowed is a whole number from 0 to 4294967295/],
  [['--date', '2026-02-30'], /allowed is a day, e\.g\. 2026-01-05/],
])('%j is refused', async (args, message) => {
  const { code, err } = await simulate(...args);
  expect(code).toBe(2);
  expect(err).toMatch(message);
});
