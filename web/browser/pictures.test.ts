import { cpSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { looksAsKept } from './pictures';
import { isAccessible, openBrowser, openPage, Place } from './program';

// The views as docs/page and the README show them, of runs that are kept in browser/runs so that every number is the same.
const place = new Place();
let browser: Browser;

beforeAll(async () => {
  const kept = join(dirname(fileURLToPath(import.meta.url)), 'runs');
  cpSync(kept, join(place.folder, 'runs'), { recursive: true });
  await place.serve();
  browser = await openBrowser();
});
afterAll(async () => {
  await browser.close();
  await place.remove();
});

const VIEWS = [
  { name: 'runs', where: '/?runs=plan,relu,sigmoid', ready: '.parallel' },
  { name: 'run', where: '/run/sigmoid', ready: '.ridges svg' },
  { name: 'explain', where: '/run/relu/explain?row=8', ready: '.tree .symbol' },
  { name: 'play', where: '/play?data=spirals&hidden=8,8', ready: '.output canvas' },
  { name: 'lesson', where: '/lesson/1', ready: '.formula-values' },
];
const LOOKS = [
  { locale: 'en', colorScheme: 'light' },
  { locale: 'en', colorScheme: 'dark' },
  { locale: 'ko', colorScheme: 'light' },
  { locale: 'ko', colorScheme: 'dark' },
] as const;

describe.each(VIEWS)('$name', ({ name, where, ready }) => {
  it.each(LOOKS)('looks as kept, $locale, $colorScheme', async (look) => {
    const page = await openPage(browser, place, where, look);
    await page.locator(ready).first().waitFor();
    await looksAsKept(browser, page, `${name}-${look.locale}-${look.colorScheme}`);
    await page.close();
  });

  it.each([360, 2560, 3840])('fits into a window of %i pixels', async (width) => {
    const page = await openPage(browser, place, where, { viewport: { width, height: 900 } });
    await page.locator(ready).first().waitFor();
    await isAccessible(page);
    await page.close();
  });
});
