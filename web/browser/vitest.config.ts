import { defineConfig } from 'vitest/config';

// The page in a real browser, from the real program: DELTARULE_PROGRAM names it.
export default defineConfig({
  test: {
    include: ['browser/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 240_000,
    fileParallelism: false,
    expect: { poll: { timeout: 20_000 } },
  },
});
