import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/** The fonts that the lesson's formulas are set in; KaTeX has twenty, each in three formats. */
const FONTS = ['Main-Regular', 'Math-Italic', 'Size1-Regular', 'Size2-Regular', 'Size3-Regular', 'Size4-Regular'];

/** Leaves out of KaTeX's style the fonts that no formula uses, and the formats that no browser of today asks for. */
const fonts: Plugin = {
  name: 'fonts-in-use',
  enforce: 'pre',
  transform(code, id) {
    if (!id.includes('katex.min.css')) return null;
    const kept = code.replace(/@font-face\{[^}]*\}/g, (rule) => {
      if (!FONTS.some((font) => rule.includes(`KaTeX_${font}.woff2`))) return '';
      return rule.replace(/,url\([^)]*\.(woff|ttf)\) format\("[a-z]+"\)/g, '');
    });
    return { code: kept, map: null };
  },
};

// `DELTARULE_SERVER=http://127.0.0.1:7840 npx vite`: the page as it is being written, before a real `deltarule dashboard`,
// which answers only those who ask by its own name.
const server = process.env.DELTARULE_SERVER;
const proxied = (target: string) => ({ target, ws: true, changeOrigin: true, headers: { origin: target } });

// Fixed names without hashes: the server embeds these three files by name, and two builds must give the same bytes.
export default defineConfig({
  base: './',
  plugins: [fonts],
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
        assetFileNames: (file) =>
          file.names[0]?.endsWith('.woff2') ? 'assets/[name][extname]' : 'assets/app[extname]',
        inlineDynamicImports: true,
      },
    },
  },
});
