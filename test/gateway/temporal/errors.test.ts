import { ServiceError, WorkflowNotFoundError, WorkflowUpdateRPCTimeoutOrCancelledError } from '@temporalio/client';
import { asOurs } from '../../../gateway/temporal/errors.ts';

const grpc = (code: number): Error => Object.assign(new Error(`${code}`), { code, details: '', metadata: {} });
/** As the client gives it: in the words of what it was doing. */
const wrapped = (code: number): Error => new ServiceError('Failed to start Workflow', { cause: grpc(code) });

test.each([
  ['cancelled', 1],
  ['deadline exceeded', 4],
  ['resource exhausted', 8],
  ['failed precondition, for its workflow tasks are not done,', 9],
  ['unavailable', 14],
])('Temporal that answers %s, by itself or wrapped by its client, is away', (_name, code) => {
  for (const error of [grpc(code), wrapped(code), new Error('again', { cause: wrapped(code) })]) {
    expect(asOurs(error)).toMatchObject({ type: 'temporal_unavailable' });
  }
});

test('an update without an answer in time is Temporal that is away', () => {
  expect(asOurs(new WorkflowUpdateRPCTimeoutOrCancelledError('late'))).toMatchObject({ type: 'temporal_unavailable' });
});

test('a workflow that is not there is a session that is not', () => {
  for (const error of [grpc(5), wrapped(5), new WorkflowNotFoundError('none', 'w', undefined)]) {
    expect(asOurs(error)).toMatchObject({ type: 'not_found' });
  }
});

test('any other fault stays what it is', () => {
  for (const error of [wrapped(13), new Error('ours'), null]) expect(asOurs(error)).toBe(error);
});
