import { defineConfig } from 'vitest/config';

// `DELTARULE_SERVER=http://127.0.0.1:7840 npx vite`: the page as it is being written, before a real `deltarule dashboard`,
// which answers only those who ask by its own name.
const server = process.env.DELTARULE_SERVER;
const proxied = (target: string) => ({ target, ws: true, changeOrigin: true, headers: { origin: target } });

// Fixed names without hashes: the server embeds these three files by name, and two builds must give the same bytes.
export default defineConfig({
  base: './',
  server: { host: '127.0.0.1', proxy: server ? { '/api': proxied(server) } : {} },
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
