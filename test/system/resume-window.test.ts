/**
 * A session without its client, over hours that are skipped. On a server of its own: time cannot be skipped while an
 * activity runs, nor, on the test server, after one was abandoned.
 */
import type { WorkflowHandle } from '@temporalio/client';
import { SIGNAL } from '../../workflows/contract.ts';
import type { LiveInput } from '../../workflows/contract.ts';
import { staged } from '../harness/staged.ts';
import type { Cast, Stage } from '../harness/workflow-stage.ts';
import { attach, live } from '../workflows/session/given.ts';

const on = staged('the workflows on a server whose time can be skipped', 's');

const liveInput = (cast: Cast, bounds: Partial<LiveInput['bounds']> = {}): LiveInput => ({
  ...live,
  ref: { tenant: 't', id: cast.id },
  bounds: { ...live.bounds, ...bounds },
});

/** Waits for a state: asked for again and again, as whoever looks from outside must. */
async function until(here: Stage, handle: WorkflowHandle, state: string): Promise<void> {
  while ((await here.view(handle)).state !== state);
}

describe('a live session', () => {
  on('ends with what there is when its client stays away longer than the window', async (here, cast) => {
    cast.stream = (args) => Promise.resolve({ why: args.drain ? 'end' : 'paused', detail: null });
    const handle = await here.startLive(liveInput(cast, { resumeWindowMs: 7_200_000, maxSessionMs: 80_000_000 }));
    await until(here, handle, 'idle');
    await here.env.sleep(7_190_000);
    expect(await here.view(handle)).toMatchObject({ state: 'idle', attached: false });
    await here.env.sleep(20_000);
    expect(await here.result(handle)).toMatchObject({ state: 'completed', segments: 0 });
    expect(cast.streams.map(({ drain, lease }) => ({ drain, epoch: lease.epoch }))).toEqual([
      { drain: false, epoch: 1 },
      { drain: true, epoch: 2 },
    ]);
  });

  on('whose client comes back in time is not ended by the window of before', async (here, cast) => {
    cast.stream = () => Promise.resolve({ why: 'paused', detail: null });
    const handle = await here.startLive(liveInput(cast, { resumeWindowMs: 60_000 }));
    await until(here, handle, 'idle');
    await here.env.sleep(50_000);
    await here.attach(handle, attach('c2'));
    await cast.begun(2);
    await until(here, handle, 'idle');
    await here.env.sleep(50_000);
    expect(await here.view(handle)).toMatchObject({ state: 'idle', epoch: 2, generation: 2 });
    expect(cast.streams.map(({ drain }) => drain)).toEqual([false, false]);
    await handle.signal(SIGNAL.cancel);
    await here.result(handle);
  });
});
