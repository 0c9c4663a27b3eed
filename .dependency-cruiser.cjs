/**
 * Import direction, as in STYLE.md §2: each folder lists what it may import; the rest is forbidden.
 *
 * Type-only imports count (`tsPreCompilationDeps`): a graph that looks layered can hide a cycle of
 * types. test/tooling/boundaries.test.ts plants violations and expects them to be found; it also
 * guards against a TypeScript that this tool cannot drive, with which it would find nothing.
 */

/** Folder under src → what its files may import besides each other. Paths are patterns under src. */
const allowed = {
  kernel: [],
  config: ['kernel/'],
  record: ['kernel/'],
  node: ['kernel/'],
  log: ['kernel/', 'record/'],
  broker: ['kernel/', 'record/', 'log/'],
  cluster: ['kernel/', 'log/', 'broker/'],
  server: ['kernel/', 'protocols/contract\\.ts'],
  http: ['kernel/', 'config/', 'broker/'],
};
const forProtocols = ['kernel/', 'config/', 'record/', 'broker/', 'protocols/contract\\.ts'];
const forConnectors = ['kernel/', 'config/', 'broker/', 'connectors/contract\\.ts'];

/** Beside their source, and free to use what a test needs: packages, the simulator, other folders. */
const testFile = '\\.(test|fuzz|fixture)\\.ts$';

/** From these files of src into src: only what is listed. */
function only(name, from, targets, fromNot = []) {
  return {
    name,
    severity: 'error',
    from: { path: from, pathNot: [testFile, ...fromNot] },
    to: { path: '^src/', pathNot: targets.map((target) => `^src/${target}`) },
  };
}

const folderRules = Object.entries(allowed).map(([folder, targets]) =>
  only(`${folder}-imports`, `^src/${folder}/`, [`${folder}/`, ...targets]),
);

module.exports = {
  forbidden: [
    ...folderRules,
    only('protocol-imports', '^src/protocols/([^/]+)/', ['protocols/$1/', ...forProtocols]),
    only('protocol-list-imports', '^src/protocols/[^/]+\\.ts$', [
      'protocols/',
      'kernel/',
      'config/',
      'record/',
      'broker/',
    ]),
    only('connector-imports', '^src/connectors/([^/]+)/', ['connectors/$1/', ...forConnectors]),
    only('connector-contract-imports', '^src/connectors/contract\\.ts$', [
      'kernel/',
      'config/',
      'broker/',
    ]),
    only(
      'cli-imports',
      '^src/cli/',
      ['cli/', 'kernel/', 'config/'],
      ['^src/cli/(admin|doctor|inspect|publish|repair|start)'],
    ),
    only('cli-admin-imports', '^src/cli/(admin|publish)', ['cli/', 'kernel/', 'config/', 'node/']),
    only('cli-inspect-imports', '^src/cli/(doctor|inspect|repair)', [
      'cli/',
      'kernel/',
      'config/',
      'record/',
      'log/',
      'broker/',
      'node/',
    ]),
    only('cli-start-imports', '^src/cli/start', ['cli/', 'kernel/', 'config/', 'app/']),
    {
      name: 'only-the-top-imports-app',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: [testFile, '^src/app/', '^src/index\\.ts$', '^src/cli/start'],
      },
      to: { path: '^src/app/' },
    },
    {
      name: 'protocols-stay-apart',
      comment: 'also in tests: each protocol folder can be deleted alone',
      severity: 'error',
      from: { path: '^src/protocols/([^/]+)/' },
      to: { path: '^src/protocols/[^/]+/', pathNot: '^src/protocols/$1/' },
    },
    {
      name: 'kernel-needs-nothing',
      comment: 'no packages; of Node only what has no effect outside the process',
      severity: 'error',
      from: { path: '^src/kernel/', pathNot: testFile },
      to: { dependencyTypes: ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg'] },
    },
    {
      name: 'simulation-imports',
      severity: 'error',
      from: { path: '^simulation/' },
      to: { path: ['^src/node/', '^src/app/main\\.ts$'] },
    },
    {
      name: 'src-stands-alone',
      comment: 'what is published does not need what is not',
      severity: 'error',
      from: { path: '^src/', pathNot: testFile },
      to: {
        path: ['^(simulation|test|scripts|benchmarks|conformance|examples|console)/', testFile],
      },
    },
    {
      name: 'published-packages-only',
      comment: 'a development dependency is absent where Polylog is installed',
      severity: 'error',
      from: { path: '^src/', pathNot: testFile },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], pathNot: '@types/node' },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: ['node_modules', '^dist/'] },
    exclude: { path: ['^dist/'] },
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.mjs', '.json', '.d.ts'] },
  },
};
