import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Frame, Tell } from '../src/play/protocol';
import { isAccessible, numberIn, openBrowser, openPage, Place, says } from './program';

const place = new Place();
let browser: Browser;

beforeAll(async () => {
  await place.serve();
  browser = await openBrowser();
});
afterAll(async () => {
  await browser.close();
  await place.remove();
});

/** The page, and what the engine has told it last. */
async function open(step: number, locale = 'en'): Promise<{ page: Page; frame: () => Frame }> {
  const page = await openPage(browser, place, '/', { locale });
  let last: Frame | undefined;
  page.on('websocket', (socket) =>
    socket.on('framereceived', ({ payload }) => {
      const told = JSON.parse(payload.toString()) as Tell;
      if (told.tell === 'frame') last = told;
    }),
  );
  await page.evaluate((to) => {
    location.hash = `#/lesson/${to}`;
  }, step);
  await page.locator(`article[data-step="${step}"] .katex`).first().waitFor();
  await expect.poll(() => last?.step).toBeDefined();
  return { page, frame: () => last as Frame };
}

/** The number that the formula's list tells of a symbol. */
async function value(page: Page, key: string): Promise<number> {
  return numberIn(await page.locator(`[data-value="${key}"] b`).textContent());
}

const phase = (page: Page) => page.getByRole('button', { name: 'One phase' }).click();

describe('lesson', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('step %i opens in both languages, and everybody can use it', async (step) => {
    for (const locale of ['en', 'ko']) {
      const { page } = await open(step, locale);
      expect(await page.locator('html').getAttribute('lang')).toBe(locale);
      expect(await page.locator('.task.done').count(), 'a task that is done before the reader has begun').toBe(0);
      await isAccessible(page);
      await page.setViewportSize({ width: 360, height: 800 });
      await isAccessible(page);
      await page.close();
    }
  });

  it('fills the forward pass with the numbers of the engine, and tells them at the symbols', async () => {
    const { page, frame } = await open(1);
    await page.getByLabel('w₁').fill('2');
    await page.getByRole('slider', { name: /^Row/ }).fill('17');
    await expect.poll(() => frame().row.row).toBe(17);
    await expect.poll(() => value(page, 'w1')).toBe(2);
    const { x, layers } = frame().row;
    expect(says(await value(page, 'x1'), x[0] as number)).toBe(true);
    expect(says(await value(page, 'z'), layers[0]?.z?.[0] as number)).toBe(true);
    expect(says(await value(page, 'yhat'), layers[0]?.a[0] as number)).toBe(true);
    const z =
      (await value(page, 'w1')) * (x[0] as number) +
      (await value(page, 'w2')) * (x[1] as number) +
      (await value(page, 'b'));
    expect(Math.abs(z - (layers[0]?.z?.[0] as number))).toBeLessThan(0.01);
    await page.locator('.formula-set [data-symbol="z"]').first().hover();
    expect(await page.locator('.formula-tip').textContent()).toContain('z =');
    const hovered = numberIn(await page.locator('.formula-tip b').textContent());
    expect(says(hovered, layers[0]?.z?.[0] as number)).toBe(true);
    // The keyboard lights the same symbol by its number in the list.
    await page.mouse.move(0, 0);
    await page.locator('[data-value="w1"]').focus();
    expect(await page.locator('.formula-tip').textContent()).toBe('w₁ = 2');
    await page.getByLabel('w₁').fill('-2');
    await expect.poll(() => page.locator('.formula-line').textContent()).toMatch(/^z = −2 · /);
    await page.close();
  });

  it('has the product of the chain rule be the gradient that the engine stored', async () => {
    const { page } = await open(3);
    for (let at = 0; at < 3; at++) await phase(page);
    const stored = page.locator('[data-number="stored"]');
    await expect.poll(async () => numberIn(await stored.textContent())).not.toBeNaN();
    expect(says(await value(page, 'gradient'), numberIn(await stored.textContent()))).toBe(true);
    await phase(page);
    await page.getByText('✓ Done.').waitFor();
    await page.close();
  });

  it('tells before an update how far it goes, and the engine goes as far', async () => {
    const page = await openPage(browser, place, '/');
    // w₁ of the middle network, by step.
    const went = new Map<number, number>();
    page.on('websocket', (socket) =>
      socket.on('framereceived', ({ payload }) => {
        const told = JSON.parse(payload.toString()) as Tell;
        if (told.tell !== 'frame' || Math.abs(told.learning_rate - 0.3) > 1e-6) return;
        went.set(told.step, told.weights?.[0]?.w[0] as number);
      }),
    );
    await page.evaluate(() => {
      location.hash = '#/lesson/4';
    });
    await expect.poll(() => page.locator('[data-value="gradient"] b').textContent()).not.toBe('–');
    const [gradient, next] = [await value(page, 'gradient'), await value(page, 'next')];
    await page.getByRole('button', { name: 'Run' }).click();
    await expect.poll(() => went.has(1)).toBe(true);
    const [before, after] = [went.get(0) as number, went.get(1) as number];
    expect(says(next, after)).toBe(true);
    // The step is small beside the weight: it is the difference that tells whether the gradient is the engine's.
    expect(says(gradient, (before - after) / 0.3)).toBe(true);
    await page.close();
  });

  it('has the recursion give the δ of the engine', async () => {
    const { page } = await open(6);
    for (let at = 0; at < 7; at++) await phase(page);
    const stored = page.locator('[data-number="stored"]');
    await expect.poll(async () => numberIn(await stored.textContent())).not.toBeNaN();
    expect(says(await value(page, 'd1'), numberIn(await stored.textContent()))).toBe(true);
    await page.getByText('✓ Done.').waitFor();
    await page.close();
  });

  it('loses the gradient in ten layers of sigmoids', async () => {
    const { page, frame } = await open(7);
    await page.getByLabel('Hidden layers').fill('10');
    await expect.poll(() => frame().deltas.length).toBe(11);
    const [first, last] = [frame().deltas[0]?.norm as number, frame().deltas.at(-1)?.norm as number];
    expect(first / last).toBeLessThan(1e-3);
    expect(says(await value(page, 'arrives'), first / last)).toBe(true);
    await page.getByText('✓ Done.').waitFor();
    await page.close();
  });

  it('takes each layer’s share of the loss apart: no slope is above ¼, and the factors multiply to what arrives', async () => {
    const page = await openPage(browser, place, '/');
    const deltas = new Map<number, number[]>();
    page.on('websocket', (socket) =>
      socket.on('framereceived', ({ payload }) => {
        const told = JSON.parse(payload.toString()) as Tell;
        if (told.tell === 'phase' && told.layer !== null && told.delta) deltas.set(told.layer, told.delta as number[]);
      }),
    );
    await page.evaluate(() => {
      location.hash = '#/lesson/7';
    });
    // Three hidden layers and the output, from the last to the first.
    await expect.poll(() => [...deltas.keys()]).toEqual([3, 2, 1, 0]);
    const texts = page.locator('.factors svg text').filter({ hasText: '×' });
    await expect.poll(() => texts.count()).toBe(6);
    const told = (await texts.allTextContents()).map((text) => numberIn(text.replace('×', '')));
    for (const slope of told.filter((_, at) => at % 2 === 1)) expect(slope).toBeLessThanOrEqual(0.25);
    const size = (layer: number) => Math.hypot(...(deltas.get(layer) as number[]));
    expect(
      says(
        told.reduce((all, one) => all * one),
        size(0) / size(3),
      ),
    ).toBe(true);
    await page.close();
  });

  it('trains XOR without and with a hidden layer: neither is refused', async () => {
    const { page } = await open(5);
    await expect.poll(() => page.locator('figcaption b').allTextContents()).not.toContain('–');
    expect(await page.getByRole('alert').count()).toBe(0);
    await page.close();
  });

  it('turns by keyboard, but not from within a slider', async () => {
    const { page } = await open(1);
    await page.getByLabel('w₁').press('ArrowRight');
    expect(page.url()).toContain('lesson/1');
    await page.getByRole('heading', { level: 1 }).click();
    await page.keyboard.press('ArrowRight');
    await page.locator('article[data-step="2"]').waitFor();
    await page.close();
  });
});
