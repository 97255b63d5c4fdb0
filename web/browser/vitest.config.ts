import { defineConfig } from 'vitest/config';

// The page in a real browser, from the real program: DELTARULE_PROGRAM names it.
export default defineConfig({
  test: { include: ['browser/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 120_000, fileParallelism: false },
});
