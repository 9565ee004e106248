/** What the scaler is told of a pool's queue, by a real Temporal server. */
import { Visibility } from '../../gateway/temporal/visibility.ts';
import { openClient } from '../../infra/temporal.ts';
import { PoolStatistics } from '../../workers/pool-statistics.ts';
import { Caller, noise } from '../harness/caller.ts';
import { postFile, wav } from '../harness/files.ts';
import { System } from '../harness/system.ts';
import { until } from '../harness/until.ts';

test('a session that has just been queued is counted, though Temporal’s own count of the queue is a second old', async () => {
  const system = await System.start({ workers: 0 });
  const client = openClient(system.temporal.address, 'default');
  const visibility = new Visibility(client);
  const statistics = new PoolStatistics(client, 5000);
  const callers: Promise<Caller>[] = [];
  try {
    for (const count of [1, 2, 3, 4]) {
      const session = `waiting-${count}`;
      callers.push(new Caller(system.url, { session, audio: noise(session, 200) }).call());
      // Asked for all the time, Temporal's count is at its oldest.
      const counted = await until(
        `${count} wait`,
        async () => ({ listed: (await visibility.queue('en')).length, told: await statistics.queue('en') }),
        ({ listed }) => listed === count,
      );
      expect(counted.told).toMatchObject({ sessions: count });
      expect(counted.told.oldestMs).toBeGreaterThan(0);
    }
    expect(await statistics.queue('de')).toEqual({ sessions: 0, oldestMs: 0, perSecond: 0 });
    await postFile(system, wav(noise('file', 200)), '?session=file');
    const waiting = await until(
      'the file waits too',
      () => visibility.queue('en'),
      ({ length }) => length === 5,
    );
    expect(waiting.at(-1)).toEqual({ workflowId: 'session/default/file', kind: 'span' });
    expect(await statistics.queue('en')).toMatchObject({ sessions: 5 });
  } finally {
    for (const caller of await Promise.all(callers)) caller.client.close();
    await client.connection.close();
    await system.stop();
  }
}, 120_000);

test('slots that sessions have given back are counted by tenant', async () => {
  const system = await System.start();
  const client = openClient(system.temporal.address, 'default');
  const statistics = new PoolStatistics(client, 5000);
  try {
    const beganMs = Date.now();
    const caller = await new Caller(system.url, { session: 'short', audio: noise('short', 1000) }).call();
    await caller.done();
    const { tenants, ...all } = await until(
      'it has ended',
      () => statistics.ended('en', beganMs),
      ({ sessions }) => sessions === 1,
    );
    expect(tenants).toEqual({ default: all });
    expect(all.slotMs).toBeGreaterThan(500);
    await postFile(system, wav(noise('file', 1000)), '?session=file');
    const both = await until(
      'a file has ended too',
      () => statistics.ended('en', beganMs),
      ({ sessions }) => sessions === 2,
    );
    expect(both.slotMs).toBeGreaterThan(all.slotMs);
    expect((await new Visibility(client).slotTimes('en', Date.now())).recent).toMatchObject({
      live: [expect.any(Number)],
      span: [expect.any(Number)],
    });
    expect(await statistics.ended('de', beganMs)).toEqual({ sessions: 0, slotMs: 0, tenants: {} });
    expect(await statistics.ended('en', Date.now() + 60_000)).toEqual({ sessions: 0, slotMs: 0, tenants: {} });
  } finally {
    await client.connection.close();
    await system.stop();
  }
}, 120_000);
