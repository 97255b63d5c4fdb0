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

  it('keeps the runs of a range of an axis, by pointer and by keyboard', async () => {
    const page = await openPage(browser, place, '/?runs=first,second,solved');
    const seed = page.getByRole('slider', { name: 'seed' });
    await seed.waitFor();
    const left = page.locator('.card output').filter({ hasText: /left/ });
    const faded = () => page.locator('.parallel polyline.outside title').allTextContents();
    expect(await faded()).toEqual([]);
    // `second` has seed 2, the greatest.
    const inside = ['second'];
    await seed.scrollIntoViewIfNeeded();
    const box = await seed.locator('.reach').boundingBox();
    if (!box) throw new Error('the axis is not drawn');
    await page.mouse.move(box.x + box.width / 2, box.y + 4);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 2, box.y + 0.2 * box.height, { steps: 4 });
    await page.mouse.up();
    await left.getByText(`${inside.length} of 3 runs left: ${inside.join(', ')}`).waitFor();
    expect((await faded()).sort()).toEqual(['first', 'solved']);
    await isAccessible(page);
    // Down to the lower half, then none of it.
    await seed.focus();
    for (let press = 0; press < 20; press++) await page.keyboard.press('ArrowDown');
    await expect.poll(faded).not.toEqual([]);
    expect(await faded()).toEqual(expect.arrayContaining(inside));
    await page.keyboard.press('Escape');
    await expect.poll(faded).toEqual([]);
    expect(await seed.getAttribute('aria-valuetext')).toBe('all');
    // A click without a drag takes nothing.
    await page.mouse.click(box.x + 4, box.y + 60);
    expect(await faded()).toEqual([]);
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
