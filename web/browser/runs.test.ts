import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAccessible, numberIn, openBrowser, openPage, Place, says } from './program';

const place = new Place();
let browser: Browser;

beforeAll(async () => {
  place.program('train', 'xor', '--run', 'solved');
  place.program('train', 'digits', '--hidden', '16,16', '--epochs', '3', '--seed', '1', '--run', 'first');
  place.program('train', 'digits', '--hidden', '16,16', '--epochs', '3', '--seed', '2', '--run', 'second');
  await place.serve();
  browser = await openBrowser();
});
afterAll(async () => {
  await browser.close();
  await place.remove();
});

describe('runs', () => {
  it('tells each run with the numbers of its events', async () => {
    const page = await openPage(browser, place, '/');
    for (const name of ['solved', 'first', 'second']) {
      const last = place.events(name).findLast((event) => event.event === 'epoch') as { cost: number; epoch: number };
      const row = page.getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) });
      await row.waitFor();
      const cells = await row.getByRole('cell').allInnerTexts();
      expect(
        cells.some((cell) => says(numberIn(cell), last.cost)),
        `${cells} has ${last.cost}`,
      ).toBe(true);
      expect(cells.join(' ').replaceAll(',', '')).toContain(`${last.epoch} /`);
    }
    expect(await page.getByRole('row').count()).toBe(4);
    await isAccessible(page);
    await page.close();
  });

  it('sorts by keyboard', async () => {
    const page = await openPage(browser, place, '/');
    const names = () => page.locator('tbody').first().getByRole('link').allInnerTexts();
    await page.getByRole('link', { name: 'solved' }).waitFor();
    expect(await names()).toEqual(['first', 'second', 'solved']);
    await page.getByRole('button', { name: /^Name/ }).focus();
    await page.keyboard.press('Enter');
    expect(await names()).toEqual(['solved', 'second', 'first']);
    await page.close();
  });

  it('lays the settings of chosen runs side by side, and keeps the choice in the address', async () => {
    const page = await openPage(browser, place, '/?runs=first,second');
    const settings = page.locator('section.card', {
      has: page.getByRole('heading', { name: 'Settings side by side' }),
    });
    await settings.waitFor();
    const differing = await settings.getByRole('rowheader').allInnerTexts();
    expect(differing).toEqual(['seed']);
    expect(await settings.locator('td').allInnerTexts()).toEqual(['1', '2']);
    await page.getByLabel('Select solved').check();
    expect(page.url()).toContain('first%2Csecond%2Csolved');
    await expect.poll(() => settings.getByRole('rowheader').count()).toBeGreaterThan(3);
    await isAccessible(page);
    await page.close();
  });

  it('knows of a new run by itself, in every tab', async () => {
    const tabs = [await openPage(browser, place, '/'), await openPage(browser, place, '/')];
    for (const tab of tabs) await tab.getByRole('link', { name: 'first' }).waitFor();
    place.program('train', 'and', '--run', 'later');
    for (const tab of tabs) {
      await tab.getByRole('link', { name: 'later' }).waitFor();
      await tab.close();
    }
  });
});
