import { defineConfig } from 'vitest/config';

// Fixed names without hashes: the server embeds these three files by name, and two builds must give the same bytes.
export default defineConfig({
  base: './',
  test: { include: ['src/**/*.test.ts'] },
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
  build: {
    target: 'es2022',
    modulePreload: false,
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    rollupOptions: {
      output: {
        entryFileNames: 'assets/app.js',
        assetFileNames: 'assets/app[extname]',
        inlineDynamicImports: true,
      },
    },
  },
});
