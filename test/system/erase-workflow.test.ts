/** The deletion of a session as a workflow, over days, on a Temporal server whose time can be skipped. */
import type { WorkflowHandle } from '@temporalio/client';
import { CONTROL_QUEUE, WORKFLOW } from '../../workflows/contract.ts';
import { ERASE_NOW, eraseWorkflowId } from '../../workflows/erase/contract.ts';
import type { EndArgs, EraseInput, SessionEnds } from '../../workflows/erase/contract.ts';
import { staged } from '../harness/staged.ts';
import { until } from '../harness/until.ts';
import type { Stage } from '../harness/workflow-stage.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** What is there of one session, and what is done to it, in order. */
class Scene {
  readonly said: string[] = [];
  /** Looks that find it running. */
  running = 0;
  /** What looks find, one after the other; nothing in the end. */
  readonly objects: number[] = [];
  readonly histories: number[] = [];
  isTaken = false;
  retentionMs = 0;

  readonly #here: Stage;
  readonly #name: string;

  /** @param name of its tenant and of its session: there are others whose deletions look for what came late. */
  constructor(here: Stage, name: string) {
    this.#here = here;
    this.#name = name;
  }

  say<T>(what: string, answer: T): Promise<T> {
    this.said.push(what);
    return Promise.resolve(answer);
  }

  end({ force }: EndArgs): Promise<SessionEnds> {
    const { running } = this;
    this.running = Math.max(0, running - 1);
    return this.say(force ? 'terminate' : 'end', { running, uploadIds: ['u'] });
  }

  async begin(due: Pick<EraseInput, 'dueMs' | 'closedMs'>): Promise<WorkflowHandle> {
    const ref = { tenant: this.#name, id: this.#name };
    const workflowId = eraseWorkflowId(ref);
    return this.#here.client.workflow.start(WORKFLOW.erase, {
      taskQueue: CONTROL_QUEUE,
      workflowId,
      args: [{ ref, ...due } satisfies EraseInput],
    });
  }

  until(what: string, times = 1): Promise<unknown> {
    return until(
      `${what} is said ${times} times`,
      () => this.said,
      (said) => said.filter((one) => one === what).length >= times,
    );
  }
}

const scenes = new Map<string, Scene>();

function sceneOf({ ref: { tenant } }: { readonly ref: { readonly tenant: string } }): Scene {
  const scene = scenes.get(tenant);
  if (scene === undefined) throw new Error(`nobody plays ${tenant}`);
  return scene;
}

const ERASING: NonNullable<Stage['erasing']> = {
  endSession: (args) => sceneOf(args).end(args),
  eraseObjects: (args) => {
    const scene = sceneOf(args);
    return scene.say(`objects and upload ${args.uploadIds.join()}`, scene.objects.shift() ?? 0);
  },
  eraseHistories: (args) => {
    const scene = sceneOf(args);
    return scene.say('histories', scene.histories.shift() ?? 0);
  },
  eraseStray: (args) => sceneOf(args).say('look', { isTaken: sceneOf(args).isTaken, found: 0 }),
  retentionOf: (tenant) => {
    const scene = sceneOf({ ref: { tenant } });
    return scene.say('retention', scene.retentionMs);
  },
};

const on = staged('deletions on a server whose time can be skipped', 'e', (here, name) => {
  here.erasing = ERASING;
  const scene = new Scene(here, name);
  scenes.set(name, scene);
  return scene;
});

const OBJECTS = 'objects and upload u';
/** Until two looks one after the other find nothing. */
const ALL_OF_IT = ['end', OBJECTS, OBJECTS, 'histories', 'histories'];
const statusOf = async (handle: WorkflowHandle): Promise<string> => (await handle.describe()).status.name;

on('it is ended first, then its objects go, its histories last; each until two looks find none', async (_, scene) => {
  scene.running = 2;
  scene.objects.push(3, 0, 1);
  scene.histories.push(2);
  await scene.begin({ dueMs: 0 });
  await scene.until('histories', 3);
  expect(scene.said).toEqual([
    ...['end', 'end', 'end'],
    ...[OBJECTS, OBJECTS, OBJECTS, OBJECTS, OBJECTS],
    ...['histories', 'histories', 'histories'],
  ]);
});

on('who does not end within ten seconds is terminated', async (_, scene) => {
  scene.running = 21;
  await scene.begin({ dueMs: 0 });
  await scene.until('terminate');
  expect(scene.said).toEqual([...Array.from({ length: 20 }, () => 'end'), 'terminate']);
});

on('what comes late is looked for after 5 s, 1 min and 11 min, and then no more', async (here, scene) => {
  const handle = await scene.begin({ dueMs: 0 });
  await scene.until('histories', 2);
  for (const [look, waitMs] of [5 * SECOND, MINUTE, 11 * MINUTE].entries()) {
    expect(scene.said).toEqual([...ALL_OF_IT, ...Array.from({ length: look }, () => 'look')]);
    await here.env.sleep(waitMs);
    await scene.until('look', look + 1);
  }
  await handle.result();
});

on('once the id has a session again nothing is looked for any more', async (here, scene) => {
  scene.isTaken = true;
  const handle = await scene.begin({ dueMs: 0 });
  await scene.until('histories', 2);
  await here.env.sleep(5 * SECOND);
  await handle.result();
  expect(scene.said).toEqual([...ALL_OF_IT, 'look']);
});

on('what is kept is not touched before its time, which is asked for anew when it has come', async (here, scene) => {
  const closedMs = await here.env.currentTimeMs();
  scene.retentionMs = 3 * HOUR;
  await scene.begin({ closedMs, dueMs: closedMs + HOUR });
  await here.env.sleep(HOUR - MINUTE);
  expect(scene.said).toEqual([]);
  await here.env.sleep(2 * MINUTE);
  await scene.until('retention');
  // It is kept for longer by now.
  await here.env.sleep(HOUR);
  expect(scene.said).toEqual(['retention']);
  await here.env.sleep(HOUR);
  await scene.until('histories', 2);
  expect(scene.said.slice(0, 2 + ALL_OF_IT.length)).toEqual(['retention', 'retention', ...ALL_OF_IT]);
});

on('what is kept for ever by the time it is due stays', async (here, scene) => {
  const closedMs = await here.env.currentTimeMs();
  const handle = await scene.begin({ closedMs, dueMs: closedMs + HOUR });
  await here.env.sleep(HOUR + MINUTE);
  await handle.result();
  expect(scene.said).toEqual(['retention']);
});

on('what is kept is deleted at once where somebody asks for it', async (here, scene) => {
  const closedMs = await here.env.currentTimeMs();
  const handle = await scene.begin({ closedMs, dueMs: closedMs + HOUR });
  await handle.signal(ERASE_NOW);
  await scene.until('histories', 2);
  expect(scene.said).toEqual(ALL_OF_IT);
  expect(await statusOf(handle)).toBe('RUNNING');
});
