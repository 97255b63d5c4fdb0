import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAccessible, openBrowser, openPage, Place } from './program';

const place = new Place();
let browser: Browser;
let chapters: string[] = [];

beforeAll(async () => {
  await place.serve();
  browser = await openBrowser();
  const page = await openPage(browser, place, '/');
  const opened = page.waitForEvent('popup');
  await page.getByRole('link', { name: 'Manual' }).click();
  const manual = await opened;
  await manual.waitForLoadState();
  expect(manual.url()).toBe(at('index.html').replace('index.html', ''));
  const links = manual.getByRole('navigation', { name: 'Chapters' }).getByRole('link');
  chapters = await links.evaluateAll((all) => all.map((link) => link.getAttribute('href') ?? ''));
  await manual.close();
  await page.close();
});
afterAll(async () => {
  await browser.close();
  await place.remove();
});

function at(chapter: string): string {
  return `${new URL(place.url).origin}/manual/${chapter}`;
}

/** A page that fails the test by anything that it says in the console. */
async function open(chapter: string, options: { colorScheme?: 'dark'; width?: number } = {}): Promise<Page> {
  const { colorScheme = 'light', width = 1280 } = options;
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
  const heard: string[] = [];
  page.on('pageerror', (error) => heard.push(error.message));
  page.on('console', (message) => heard.push(message.text()));
  page.on('requestfailed', (request) => heard.push(request.url()));
  page.on('close', () => expect(heard, `what ${chapter} said`).toEqual([]));
  const answer = await page.goto(at(chapter));
  expect(answer?.status(), chapter).toBe(200);
  return page;
}

describe('manual', () => {
  it('has chapters, of which each opens without a message and is accessible', async () => {
    expect(chapters.length).toBeGreaterThan(12);
    for (const chapter of chapters) {
      const page = await open(chapter);
      expect(await page.getByRole('heading', { level: 1 }).count(), chapter).toBe(1);
      await isAccessible(page);
      await page.close();
    }
  });

  it('is accessible in the dark, and no wider than a narrow window', async () => {
    for (const chapter of ['tutorial.html', 'mathematics.html', 'PERFORMANCE.html']) {
      const page = await open(chapter, { colorScheme: 'dark', width: 360 });
      await isAccessible(page);
      await page.close();
    }
  });

  it('has no link within the book, and no picture, that leads nowhere', async () => {
    const ids = new Map<string, Set<string>>();
    const links: [string, string][] = [];
    for (const chapter of chapters) {
      const page = await open(chapter);
      ids.set(at(chapter), new Set(await page.locator('[id]').evaluateAll((all) => all.map((one) => one.id))));
      const found = await page
        .locator('main a')
        .evaluateAll((all) => all.map((link) => (link as HTMLAnchorElement).href));
      links.push(...found.map((link): [string, string] => [chapter, link]));
      const empty = await page
        .locator('img')
        .evaluateAll((all) => (all as HTMLImageElement[]).filter((image) => !image.naturalWidth || !image.alt).length);
      expect(empty, `pictures of ${chapter} without content or text`).toBe(0);
      await page.close();
    }
    const broken = links.filter(([, link]) => {
      if (!link.startsWith(at(''))) return !link.startsWith('https://');
      const { origin, pathname, hash } = new URL(link);
      const known = ids.get(origin + pathname);
      return !known || (hash !== '' && !known.has(decodeURIComponent(hash.slice(1))));
    });
    expect(broken).toEqual([]);
  });

  it('is reached by keyboard from its first key on', async () => {
    const page = await open('tutorial.html');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.url()).toMatch(/#content$/);
    expect(await page.locator('main').evaluate((main) => main === document.activeElement)).toBe(true);
    await page.close();
  });
});
