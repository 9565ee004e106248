/** Calls to Temporal fail with what a client may see, and within their deadline. */
import { Client, WorkflowNotFoundError } from '@temporalio/client';
import { Calls } from '../../../gateway/temporal/calls.ts';

/** Deadlines that were set, in milliseconds from now. */
let deadlines: number[];
let calls: Calls;
beforeEach(() => {
  deadlines = [];
  const client = Object.create(Client.prototype) as Client;
  client.withDeadline = (deadline, call) => {
    deadlines.push(Number(deadline) - Date.now());
    return call();
  };
  calls = new Calls(client, 500, 'no such batch');
});

const fails = (error: Error) => (): Promise<never> => Promise.reject(error);
const gone = new WorkflowNotFoundError('not there', 'batch/t/b', undefined);
const away = Object.assign(new Error('14 UNAVAILABLE'), { code: 14, details: '', metadata: {} });

test('an answer is given as it is, and is not waited for longer than the deadline', async () => {
  expect(await calls.ask(() => Promise.resolve(7))).toBe(7);
  expect(await calls.askIfThere(() => Promise.resolve(8))).toBe(8);
  for (const ms of deadlines) expect(Math.abs(ms - 500)).toBeLessThan(100);
  expect(deadlines).toHaveLength(2);
});

test('what is not there is told in the words for it, or is null', async () => {
  await expect(calls.ask(fails(gone))).rejects.toMatchObject({ type: 'not_found', message: 'no such batch' });
  await expect(calls.ask(fails(gone), 'no such item')).rejects.toMatchObject({ message: 'no such item' });
  expect(await calls.askIfThere(fails(gone))).toBeNull();
});

test('Temporal that is away is told as such, whatever is asked; what nobody foresaw is told as it is', async () => {
  for (const ask of [calls.ask(fails(away)), calls.askIfThere(fails(away))]) {
    await expect(ask).rejects.toMatchObject({ type: 'temporal_unavailable' });
  }
  const fault = new Error('a fault');
  await expect(calls.ask(fails(fault))).rejects.toBe(fault);
});
