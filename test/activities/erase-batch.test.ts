/** A batch is deleted with what is its own, and with nothing that only bears a name of its items. */
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createEraseBatch } from '../../activities/erase-batch.ts';
import type { BatchItemView } from '../../workflows/batch/contract.ts';
import { objectKeys } from '../../workflows/contract.ts';
import type { SessionRef } from '../../workflows/contract.ts';
import { MemoryObjects } from '../harness/memory-objects.ts';

const ref = { tenant: 't', id: 'b' };

class Scene {
  readonly objects = new MemoryObjects();
  readonly items: BatchItemView[] = [];
  /** Sessions that Temporal has, and the uploads that they are made from. */
  readonly uploads = new Map<string, string | null>();
  readonly erased: string[] = [];
  isRunning = false;
  readonly ended: string[] = [];

  item(session: string, changes: Partial<BatchItemView> = {}): this {
    const index = this.items.length;
    const none = { reason: null, detail: null, audioMs: 0, fileName: '' };
    this.items.push({
      index,
      session,
      uploadId: `of-${session}`,
      state: 'completed',
      isBegun: true,
      ...none,
      ...changes,
    });
    return this;
  }

  async object(key: string): Promise<void> {
    await this.objects.put(key, Buffer.from('x'));
  }

  readonly activities = createEraseBatch(this.objects, {
    find: () => Promise.resolve({ isRunning: this.isRunning, items: this.items.length }),
    end: (_ref, how) => Promise.resolve(void this.ended.push(how)),
    items: (_ref, from, limit) => Promise.resolve(this.items.slice(from, from + limit)),
    delete: () => Promise.resolve(0),
    uploadOf: ({ id }) => Promise.resolve(this.uploads.get(id)),
    eraseSession: async (session: SessionRef) => {
      this.erased.push(session.id);
      this.uploads.delete(session.id);
      await this.objects.deleteAll(objectKeys.session(session));
    },
  });

  erase(from = 0, limit = 50): Promise<number> {
    const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
    return environment.run(() => this.activities.eraseItems({ ref, from, limit }));
  }

  get left(): string[] {
    return [...this.objects.objects.keys()];
  }
}

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});

test('each session is deleted with its upload, and looked for again there is nothing', async () => {
  for (const id of ['a', 'b', 'c']) {
    scene.item(id).uploads.set(id, `of-${id}`);
    await scene.object(objectKeys.upload('t', `of-${id}`));
  }
  expect(await scene.erase(0, 2)).toBe(2);
  expect(scene.erased).toEqual(['a', 'b']);
  expect(await scene.erase()).toBe(1);
  expect(await scene.erase()).toBe(0);
  expect(scene.left).toEqual([]);
});

test('a session that had the name before the batch stays, with its upload', async () => {
  scene.item('a', { state: 'failed', reason: 'session_exists', isBegun: false });
  scene.uploads.set('a', 'of-a');
  await scene.object(objectKeys.upload('t', 'of-a'));
  expect(await scene.erase()).toBe(0);
  expect(scene.erased).toEqual([]);
  expect(scene.left).toHaveLength(1);
});

test('a session that took the name of an item since stays', async () => {
  scene.item('a').item('never', { state: 'cancelled', isBegun: false });
  scene.uploads.set('a', 'another').set('never', null);
  expect(await scene.erase()).toBe(0);
  expect(scene.erased).toEqual([]);
});

test('what Temporal has forgotten of a session that was begun is deleted from storage; of one that was not, only its upload', async () => {
  scene.item('a').item('never', { state: 'cancelled', isBegun: false });
  await scene.object(objectKeys.transcript({ tenant: 't', id: 'a' }, null, 'txt'));
  await scene.object(objectKeys.transcript({ tenant: 't', id: 'never' }, null, 'txt'));
  await scene.object(objectKeys.upload('t', 'of-never'));
  expect(await scene.erase()).toBe(2);
  expect(scene.erased).toEqual(['a']);
  expect(scene.left).toEqual([objectKeys.transcript({ tenant: 't', id: 'never' }, null, 'txt')]);
});

test('a batch that runs is cancelled, and in the end terminated', async () => {
  scene.item('a').isRunning = true;
  expect(await scene.activities.endBatch({ ref, force: false })).toEqual({ isRunning: true, items: 1 });
  await scene.activities.endBatch({ ref, force: true });
  scene.isRunning = false;
  await scene.activities.endBatch({ ref, force: true });
  expect(scene.ended).toEqual(['cancel', 'terminate']);
});
