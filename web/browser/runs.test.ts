import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAccessible, openBrowser, openPage, Place } from './program';

const place = new Place();
let browser: Browser;

beforeAll(async () => {
  place.program('train', 'xor', '--run', 'solved');
  place.program('train', 'digits', '--hidden', '16,16,16', '--activation', 'sigmoid', '--epochs', '4', '--run', 'deep');
  await place.serve();
  browser = await openBrowser();
});
afterAll(async () => {
  await browser.close();
  await place.remove();
});

const events = (run: string) =>
  readFileSync(join(place.folder, 'runs', run, 'events.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('runs', () => {
  it('tells each run with the numbers of its events', async () => {
    const page = await openPage(browser, place, '/');
    const row = page.getByRole('row', { name: /deep/ });
    await row.waitFor();
    expect(await page.getByRole('row').count()).toBe(3);
    await isAccessible(page);
    await page.close();
  });
});

describe('run', () => {
  it('tells the last epoch, and has a picture of every kind', async () => {
    const page = await openPage(browser, place, '/run/deep');
    await page.locator('.uplot canvas').first().waitFor();
    const last = events('deep').findLast((event) => event.event === 'epoch') as { step: number };
    expect(last.step).toBeGreaterThan(0);
    await isAccessible(page);
    await page.close();
  });
});
