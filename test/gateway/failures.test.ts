import { readFile } from 'node:fs/promises';
import { asFailure, Failure, FAILURES, failureTable, isFailureType } from '../../gateway/failures.ts';

const rows = Object.entries(FAILURES);

/** A formatter may line the columns up. */
const plain = (table: string): string => table.trim().replaceAll(/ +/g, ' ').replaceAll(/-{3,}/g, '---');

test('docs/protocol.md holds the table of failures, as it is', async () => {
  const text = await readFile(new URL('../../docs/protocol.md', import.meta.url), 'utf8');
  const between = /<!-- failures:start[^>]*-->\n([\s\S]*?)<!-- failures:end -->/.exec(text)?.[1];
  expect(plain(between ?? '')).toBe(plain(failureTable()));
});

test('close codes are those a server may send: RFC 6455, IANA, or our own 4400 to 4499', () => {
  const standard = [1000, 1001, 1003, 1007, 1008, 1009, 1011, 1012, 1013];
  for (const [type, { closeCode }] of rows) {
    const allowed = standard.includes(closeCode) || (closeCode >= 4400 && closeCode <= 4499);
    expect({ type, allowed }).toEqual({ type, allowed: true });
  }
});

test('a failure that may pass tells the client so, and one of its own making does not', () => {
  for (const [type, { retryable, httpStatus }] of rows) {
    expect(httpStatus).toBeGreaterThanOrEqual(400);
    if (httpStatus === 503) expect({ type, retryable }).toEqual({ type, retryable: true });
    if (httpStatus === 404 || httpStatus === 415) expect({ type, retryable }).toEqual({ type, retryable: false });
  }
});

test('only our own failures are shown: anything else is internal, without its message', () => {
  const failure = new Failure('not_found', 'no such session');
  expect(asFailure(failure)).toBe(failure);
  const hidden = asFailure(new Error('password of the database is hunter2'));
  expect(hidden.type).toBe('internal');
  expect(hidden.message).not.toContain('hunter2');
  expect(asFailure(undefined).type).toBe('internal');
});

test('storage that fails for a while is told as such, without its message', () => {
  const fault = Object.assign(new Error('connect ECONNREFUSED 10.0.0.7'), { reason: 'storage_unavailable' });
  expect(asFailure(fault).type).toBe('storage_unavailable');
  expect(asFailure(fault).message).not.toContain('10.0.0.7');
  const told = (reason: string) => asFailure(Object.assign(new Error(), { reason })).type;
  expect(['storage_full', 'storage_corruption', 'storage_denied', 'not_found'].map(told)).toEqual([
    'storage_full',
    'storage_corruption',
    'internal',
    'internal',
  ]);
});

test('names of the object prototype are no failures', () => {
  for (const name of ['__proto__', 'constructor', 'toString', '']) expect(isFailureType(name)).toBe(false);
  expect(isFailureType(null)).toBe(false);
  expect(isFailureType('too_long')).toBe(true);
});
