import { defineConfig } from 'vitest/config';

const PURE = ['errors', 'tensor', 'partition', 'profile', 'onnx', 'protocol', 'zoo'];

/** Suites by what they need: pure (nothing), node (worker threads, loopback sockets), browser (a real Chromium). */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'pure',
          include: PURE.map((name) => `packages/${name}/src/**/*.test.ts`),
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'node',
          include: ['packages/*/src/**/*.test.ts', 'apps/*/src/**/*.test.ts', 'scripts/**/*.test.ts'],
          exclude: PURE.map((name) => `packages/${name}/**`),
          testTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'browser',
          include: ['e2e/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
