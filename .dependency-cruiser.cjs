// Who may import whom. Packages are listed in the order a request meets them; imports point upward in that list only.
const ORDER = [
  ['errors', []],
  ['tensor', ['errors']],
  ['partition', ['errors']],
  ['profile', ['errors', 'partition']],
  ['onnx', ['errors', 'tensor', 'partition']],
  ['protocol', ['errors', 'tensor', 'partition', 'profile']],
  ['runtime', ['errors', 'tensor', 'partition', 'profile', 'onnx', 'protocol']],
  ['server', ['errors', 'tensor', 'partition', 'profile', 'onnx', 'protocol', 'runtime']],
  ['client', ['errors', 'tensor', 'partition', 'profile', 'onnx', 'protocol', 'runtime']],
  ['element', ['errors', 'tensor', 'partition', 'profile', 'onnx', 'protocol', 'runtime', 'client']],
  ['zoo', ['errors', 'tensor', 'partition', 'onnx']],
];
const PURE = ['errors', 'tensor', 'partition', 'profile', 'onnx', 'protocol'];
const notTest = { pathNot: '\\.test\\.ts$|/src/testing/' };

module.exports = {
  forbidden: [
    { name: 'no-cycle', severity: 'error', from: {}, to: { circular: true } },
    ...ORDER.map(([name, allowed]) => ({
      name: `${name}-imports-upward`,
      comment: `@d3/${name} may import only: ${allowed.join(', ') || 'nothing'}`,
      severity: 'error',
      from: { path: `^packages/${name}/src`, ...notTest },
      to: { path: '^(packages|apps|e2e)/', pathNot: `^packages/(${[name, ...allowed].join('|')})/` },
    })),
    {
      name: 'testkit-only-in-tests',
      comment: 'The testkit is for tests, benchmarks and e2e.',
      severity: 'error',
      from: { path: '^(packages|apps)/', pathNot: '\\.test\\.ts$|/src/testing/|^packages/(testkit|bench)/' },
      to: { path: '^packages/testkit/' },
    },
    {
      name: 'pure-is-pure',
      comment: 'Pure packages reach neither Node nor a runtime.',
      severity: 'error',
      from: { path: `^packages/(${PURE.join('|')})/src`, ...notTest },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'browser-never-reaches-node',
      comment: 'Browser code never reaches Node code.',
      severity: 'error',
      from: { path: '^packages/(runtime/src/web|client/src/browser|element/src)', ...notTest },
      to: { path: '(runtime/(src|dist)/node|client/(src|dist)/node|^node_modules/(ws|onnxruntime-node)/)' },
    },
    {
      name: 'no-deep-import',
      comment: 'Another package is imported through its exports, never through a path into its folders.',
      severity: 'error',
      from: { path: '^(packages|apps)/([^/]+)/' },
      to: { path: '^packages/([^/]+)/src/', pathNot: '^$1/$2/' },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules', '/dist/'] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.test.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['types', 'import', 'default'] },
  },
};
