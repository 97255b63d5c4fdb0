import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Explained, Quantity } from '../src/api/model';
import { isAccessible, numberIn, openBrowser, openPage, Place, says } from './program';

const place = new Place();
let browser: Browser;

beforeAll(async () => {
  place.program('train', 'digits', '--hidden', '12,8', '--epochs', '2', '--seed', '1', '--run', 'digits');
  place.program('train', 'moons', '--hidden', '6', '--epochs', '3', '--seed', '1', '--run', 'moons');
  await place.serve();
  browser = await openBrowser();
});
afterAll(async () => {
  await browser.close();
  await place.remove();
});

/** The gradient as the command line tells it, taken apart as far as the page does. */
function told(run: string, row: string, ...more: string[]): Explained {
  return JSON.parse(place.program('explain', run, run, '--row', row, '--depth', '5', '--json', ...more)) as Explained;
}

/** Every number of the ledger in the order in which the page lists them. */
function listed(quantity: Quantity): { symbol: string; value: number }[] {
  return [{ symbol: quantity.symbol, value: quantity.value ?? Number.NaN }, ...(quantity.parts ?? []).flatMap(listed)];
}

async function ledger(page: Page): Promise<{ symbol: string; value: number }[]> {
  await page.getByRole('button', { name: 'Unfold all' }).click();
  const heads = page.locator('.tree summary, .tree .leaf:has(.symbol)');
  return heads.evaluateAll((all) =>
    all.map((one) => ({
      symbol: one.querySelector('.symbol')?.textContent ?? '',
      value: Number(
        one.closest<HTMLElement>('[data-tip]')?.dataset.tip ??
          one.querySelector<HTMLElement>('[data-tip]')?.dataset.tip ??
          one.querySelector('output')?.textContent?.replaceAll(',', '').replace('−', '-'),
      ),
    })),
  );
}

describe('explain', () => {
  it('shows the numbers that the command line tells, each of them', async () => {
    const page = await openPage(browser, place, '/run/digits/explain?row=17&weight=1,3,5');
    await page.locator('.tree').waitFor();
    const expected = told('digits', '17', '--weight', '1,3,5');
    expect(await ledger(page)).toEqual(listed(expected.ledger));
    const outputs = await page.locator('.outputs tbody tr').all();
    expect(outputs.length).toBe(expected.outputs.length);
    for (const [at, output] of expected.outputs.entries()) {
      const value = numberIn((await outputs[at]?.locator('td').first().textContent()) ?? '');
      expect(says(value, output.value ?? Number.NaN), `${value} beside ${output.value}`).toBe(true);
    }
    await isAccessible(page);
    await page.close();
  });

  it('begins with the row that costs most, and goes to another by its picture', async () => {
    const page = await openPage(browser, place, '/run/digits/explain');
    const tiles = page.locator('.tile');
    await tiles.first().waitFor();
    const costs = (await tiles.locator('.muted').allInnerTexts()).map(numberIn);
    expect(costs).toEqual([...costs].sort((a, b) => b - a));
    await expect.poll(() => tiles.first().getAttribute('aria-pressed')).toBe('true');
    await tiles.nth(2).click();
    await expect.poll(() => page.url()).toMatch(/row=\d+/);
    const row = /row=(\d+)/.exec(page.url())?.[1] ?? '';
    await page.getByRole('heading', { name: `Row ${Number(row).toLocaleString('en')} explained` }).waitFor();
    await expect
      .poll(async () => (await ledger(page))[0])
      .toEqual({ symbol: told('digits', row).ledger.symbol, value: told('digits', row).ledger.value });
    await page.close();
  });

  it('takes a weight by its line, by number fields, and from the largest gradients', async () => {
    const page = await openPage(browser, place, '/run/moons/explain?row=5');
    await page.locator('.network-drawing .line').first().waitFor();
    const symbol = () => page.locator('.tree .symbol').first().textContent();
    await page.locator('[data-weight="2,2,0"]').dispatchEvent('click');
    await expect.poll(symbol).toBe('∂C/∂w2[2,0]');
    expect(page.url()).toContain('weight=2%2C2%2C0');
    await page.getByLabel('Layer').selectOption('0');
    await page.getByLabel('From', { exact: true }).fill('1');
    await page.getByLabel('To', { exact: true }).fill('4');
    await page.keyboard.press('Enter');
    await expect.poll(symbol).toBe('∂C/∂w0[1,4]');
    expect(await page.locator('.line.lit').count()).toBeGreaterThanOrEqual(2);
    await page.locator('.largest button').first().click();
    await expect.poll(() => page.url()).toContain('layers.');
    await isAccessible(page);
    await page.close();
  });

  it('dims the numbers of the last row until those of the next are there, and never takes a late answer', async () => {
    const page = await openPage(browser, place, '/run/digits/explain?row=5', { allowed: /404/ });
    const region = page.locator('.explained');
    await region.waitFor();
    // The answer for row 6 waits until the test lets it go.
    let letGo = () => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    await page.route(/explain\?row=6$/, async (route) => {
      const answer = await route.fetch();
      await held;
      await route.fulfill({ response: answer });
    });
    const choose = async (row: string) => {
      await page.getByLabel('Row', { exact: true }).fill(row);
      await page.keyboard.press('Enter');
    };
    const shown = page.locator('.explain-row .hint').first();
    await choose('6');
    await expect.poll(() => region.getAttribute('aria-busy')).toBe('true');
    const opacity = () => page.locator('.explain-row').evaluate((one) => Number(getComputedStyle(one).opacity));
    await expect.poll(opacity).toBeLessThan(0.5);
    expect(await shown.textContent()).toMatch(/^Row 5:/);
    await choose('7');
    await shown.getByText(/^Row 7:/).waitFor();
    expect(await region.getAttribute('aria-busy')).toBe('false');
    expect(await opacity()).toBe(1);
    const late = page.waitForResponse(/explain\?row=6$/);
    letGo();
    await (await late).finished();
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 100)));
    expect(await shown.textContent()).toMatch(/^Row 7:/);
    // One whose answer is an error leaves no numbers of another.
    await choose('999999');
    await page.getByRole('alert').waitFor();
    expect(await region.count()).toBe(0);
    await page.close();
  });

  it('tells by keyboard what it tells under the pointer', async () => {
    const page = await openPage(browser, place, '/run/digits/explain?row=5');
    const tile = page.locator('.tile').nth(1);
    await tile.waitFor();
    await page.locator('.tree').waitFor();
    const told = await tile.getAttribute('data-tip');
    const tip = page.getByRole('tooltip');
    await tile.hover();
    await tip.waitFor();
    expect(await tip.textContent()).toBe(told);
    await page.mouse.move(1, 1);
    await tip.waitFor({ state: 'detached' });
    await page.locator('.tile').first().focus();
    await page.keyboard.press('Tab');
    await tip.waitFor();
    expect(await tip.textContent()).toBe(told);
    // All of it lies within the window.
    const box = await tip.boundingBox();
    expect((box?.x ?? -1) >= 0 && (box?.x ?? 0) + (box?.width ?? 0) <= 1280).toBe(true);
    await isAccessible(page);
    await page.keyboard.press('Escape');
    await tip.waitFor({ state: 'detached' });
    // A number of the ledger has all of its digits.
    await page.locator('.tree summary').first().focus();
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Tab');
    const digits = await tip.textContent();
    expect(Number(digits)).not.toBeNaN();
    expect((digits ?? '').length).toBeGreaterThan(6);
    await page.close();
  });

  it('is reached from the run, and says in words what is not there', async () => {
    const page = await openPage(browser, place, '/run/moons', { allowed: /404/ });
    await page.getByRole('link', { name: 'Explain rows' }).first().click();
    await page.locator('.tree').waitFor();
    await page.getByLabel('Row', { exact: true }).fill('999999');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('row 999999 was asked for').waitFor();
    await page.close();
  });
});

describe('evaluation', () => {
  it('is measured when it comes into sight, with the figures of the command line', async () => {
    const page = await openPage(browser, place, '/run/digits');
    const heading = page.getByRole('heading', { name: 'How good its model is' });
    await heading.waitFor();
    await heading.scrollIntoViewIfNeeded();
    const matrix = page.locator('.confusion');
    await matrix.waitFor();
    const counts = (await matrix.locator('td').allInnerTexts()).map(numberIn);
    expect(counts.length).toBe(100);
    const right = counts.filter((_, at) => at % 11 === 0).reduce((sum, count) => sum + count, 0);
    const rows = counts.reduce((sum, count) => sum + count, 0);
    const told = await page.evaluate(async () => {
      const answer = await fetch('/api/v1/runs/digits/evaluation');
      return (await answer.json()) as { metrics: { accuracy: number } };
    });
    expect(says(Number((right / rows).toPrecision(4)), told.metrics.accuracy)).toBe(true);
    expect(rows).toBeGreaterThan(100);
    await isAccessible(page);
    await page.close();
  });
});
