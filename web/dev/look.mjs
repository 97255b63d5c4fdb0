// Pictures of both views into /tmp/look, and axe-core on each. node dev/look.mjs [ADDRESS] [RUN]
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const [address = 'http://127.0.0.1:4173', run = 'digits-4'] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const views = { runs: '#/?runs=digits-1,digits-2,digits-3,digits-4', run: `#/run/${run}` };
mkdirSync('/tmp/look', { recursive: true });
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
let bad = 0;
for (const [language, scheme, width] of [
  ['en', 'light', 1280],
  ['ko', 'dark', 1280],
  ['en', 'dark', 360],
  ['ko', 'light', 360],
  ['en', 'dark', 2560],
]) {
  const context = await browser.newContext({
    colorScheme: scheme,
    viewport: { width, height: 900 },
    locale: language,
    reducedMotion: 'reduce',
  });
  for (const [name, hash] of Object.entries(views)) {
    const page = await context.newPage();
    const title = `${name}-${language}-${scheme}-${width}`;
    page.on('pageerror', (error) => console.log(title, 'ERROR', error.message));
    page.on('console', (message) => message.type() === 'error' && console.log(title, message.text()));
    await page.goto(`${address}/${hash}`);
    await page.waitForSelector('.uplot canvas');
    await page.waitForTimeout(700);
    await page.screenshot({ path: `/tmp/look/${title}.png`, fullPage: true });
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (overflow > 0) console.log(title, `wider than the window by ${overflow}`);
    for (const one of violations) {
      if (['serious', 'critical'].includes(one.impact)) bad++;
      console.log(
        title,
        one.impact,
        one.id,
        one.nodes.slice(0, 3).map((node) => node.html.slice(0, 140)),
      );
    }
    await page.close();
  }
  await context.close();
}
await browser.close();
console.log(`serious or critical: ${bad}`);
process.exitCode = bad > 0 ? 1 : 0;
