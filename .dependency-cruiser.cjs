/** The import arrows of CONTRIBUTING.md: workflows and infra are leaves; only entry points put things together. */
const ours = '^(workflows|activities|gateway|workers|infra|test)/';
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true, dependencyTypesNot: ['type-only'] } },
    {
      name: 'workflows-import-nothing-of-ours',
      severity: 'error',
      from: { path: '^workflows/' },
      to: { path: ours, pathNot: '^workflows/' },
    },
    {
      name: 'workflows-do-no-io',
      severity: 'error',
      from: { path: '^workflows/' },
      to: { dependencyTypes: ['core', 'npm'], pathNot: '(^|/)@temporalio/(workflow|common)(/|$)' },
    },
    {
      name: 'infra-is-a-leaf',
      severity: 'error',
      from: { path: '^infra/' },
      to: { path: ours, pathNot: '^infra/' },
    },
    {
      name: 'activities-and-gateway-see-workflows-only',
      severity: 'error',
      from: { path: '^(activities|gateway)/' },
      to: { path: '^(workers|infra|test)/' },
    },
    {
      name: 'activities-and-gateway-stay-apart',
      severity: 'error',
      from: { path: '^(activities|gateway)/' },
      to: { path: '^(activities|gateway)/', pathNot: '^$1/' },
    },
    {
      name: 'only-entry-points-see-infra',
      severity: 'error',
      from: { path: '^workers/', pathNot: '^workers/([^/]+-main\\.ts|start/|cli/)' },
      to: { path: '^infra/' },
    },
    { name: 'nothing-imports-tests', severity: 'error', from: { pathNot: '^test/' }, to: { path: '^test/' } },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^gateway/page/' },
  },
};
