/** Settings of webhooks and of files by address: wrong ones are named, and no secret is repeated. */
import { ConfigError, describeConfig, readConfig } from '../../../infra/config.ts';

const secret = (bytes: number): string => `whsec_${Buffer.alloc(bytes, 7).toString('base64')}`;

test('secrets, hosts and the schedule are lists', () => {
  const config = readConfig({
    LONGHAND_WEBHOOK_SECRET: `${secret(24)} ${secret(64)}`,
    LONGHAND_OUTBOUND_ALLOW: '10.0.0.0/8, receiver.internal,::1',
    LONGHAND_WEBHOOK_RETRY_MS: '10, 20,300',
  });
  expect(config.LONGHAND_WEBHOOK_SECRET).toEqual([secret(24), secret(64)]);
  expect(config.LONGHAND_OUTBOUND_ALLOW).toEqual(['10.0.0.0/8', 'receiver.internal', '::1']);
  expect(config.LONGHAND_WEBHOOK_RETRY_MS).toEqual([10, 20, 300]);
});

test('the schedule is the one that Standard Webhooks recommends, unless it is set', () => {
  const hours = (ms: number) => ms / 3_600_000;
  const [seconds, minutes, ...rest] = readConfig({}).LONGHAND_WEBHOOK_RETRY_MS;
  expect([seconds, minutes, ...rest.map(hours)]).toEqual([5000, 300_000, 0.5, 2, 5, 10, 14, 20, 24]);
});

test.each([
  ['LONGHAND_WEBHOOK_SECRET', secret(23)],
  ['LONGHAND_WEBHOOK_SECRET', secret(65)],
  ['LONGHAND_WEBHOOK_SECRET', 'hunter2-hunter2-hunter2-hunter2'],
  ['LONGHAND_WEBHOOK_SECRET', `${secret(24)} whsec_!`],
  ['LONGHAND_OUTBOUND_ALLOW', 'http://receiver.internal'],
  ['LONGHAND_OUTBOUND_ALLOW', '10.0.0.0/40'],
  ['LONGHAND_WEBHOOK_RETRY_MS', '5000,4000'],
  ['LONGHAND_WEBHOOK_RETRY_MS', 'soon'],
  ['LONGHAND_WEBHOOK_URL', 'file:///etc/passwd'],
])('%s: %s is refused by name', (name, value) => {
  expect(() => readConfig({ [name]: value })).toThrow(ConfigError);
  expect(() => readConfig({ [name]: value })).toThrow(new RegExp(name));
});

test('no secret is shown, not in a complaint either', () => {
  const config = readConfig({ LONGHAND_WEBHOOK_SECRET: secret(24) });
  expect(describeConfig(config).find(({ name }) => name === 'LONGHAND_WEBHOOK_SECRET')?.value).toBe('(set)');
  expect(() => readConfig({ LONGHAND_WEBHOOK_SECRET: 'hunter2' })).not.toThrow(/hunter2/);
});

test('a receiver without a secret is refused: nothing goes out unsigned', () => {
  expect(() => readConfig({ LONGHAND_WEBHOOK_URL: 'https://hooks.example/' })).toThrow(/LONGHAND_WEBHOOK_SECRET/);
});
