import { ConfigError, readConfig } from '../../infra/config.ts';

const weights = (json: string) => readConfig({ LONGHAND_TENANT_WEIGHTS: json }).LONGHAND_TENANT_WEIGHTS;

test('weights are given by tenant; a tenant that is not named has none of its own', () => {
  expect(weights('{"alpha": 3, "beta": 0.5}')).toEqual({ alpha: 3, beta: 0.5 });
  expect(readConfig({}).LONGHAND_TENANT_WEIGHTS).toEqual({});
});

test.each(['{', '[]', '{"a": 0}', '{"a": 1001}', '{"a": "many"}', '{"a b": 1}'])(
  'weights that are none are refused, and the setting is named: %s',
  (json) => {
    expect(() => weights(json)).toThrow(ConfigError);
    expect(() => weights(json)).toThrow(/LONGHAND_TENANT_WEIGHTS/);
  },
);
