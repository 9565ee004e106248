/** Unit tests and everything that needs a server: `npm test` runs both; `npm run test:unit` the first alone. */
const transform = {
  '^.+\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' }, module: { type: 'es6' } }],
};
const common = { testEnvironment: 'node', extensionsToTreatAsEsm: ['.ts'], transform };

export default {
  testTimeout: 60_000,
  projects: [
    {
      ...common,
      displayName: 'unit',
      testMatch: [
        '<rootDir>/test/{architecture,workflows,activities,gateway,workers,infra,simulation,bench}/**/*.test.ts',
      ],
    },
    {
      ...common,
      displayName: 'system',
      testMatch: ['<rootDir>/test/{system,chaos,kubernetes}/**/*.test.ts'],
      globalSetup: '<rootDir>/test/harness/global-setup.ts',
    },
  ],
};
