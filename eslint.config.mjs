import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import ts from 'typescript-eslint';

export default defineConfig(
  { ignores: ['.longhand', '.tools', 'node_modules', 'gateway/page', '**/*.mjs', '*.cjs'] },
  js.configs.recommended,
  ts.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
      'no-console': 'error',
      // process.env is read in one file.
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'The environment is read in infra/config.ts only.' },
      ],
    },
  },
  { files: ['infra/config.ts', 'test/**'], rules: { 'no-restricted-properties': 'off' } },
  {
    // Kubernetes' client has classes for what is plain JSON on the wire, and takes plain objects.
    files: ['infra/cluster/kubernetes.ts', 'test/harness/kubernetes/**', 'test/kubernetes/**'],
    rules: {
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/no-misused-spread': 'off',
    },
  },
  { files: ['test/**'], rules: { 'max-lines-per-function': 'off' } },
  { files: ['workers/start/**', 'workers/cli/**', 'test/bench/**'], rules: { 'no-console': 'off' } },
);
