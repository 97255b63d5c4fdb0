import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAccessible, openBrowser, openPage, Place } from './program';

const place = new Place();
const elsewhere = mkdtempSync(join(tmpdir(), 'deltarule-report-'));
let browser: Browser;

beforeAll(async () => {
  place.program('train', 'digits', '--hidden', '12', '--epochs', '2', '--seed', '1', '--run', 'digits');
  place.program('report', 'digits', '-o', 'digits.html', '--rows', '3,17', '--weights', '1,20,5');
  // Nothing that it was made of lies beside it.
  cpSync(join(place.folder, 'digits.html'), join(elsewhere, 'digits.html'));
  await place.serve();
  browser = await openBrowser();
});
afterAll(async () => {
  await browser.close();
  await place.remove();
  rmSync(elsewhere, { recursive: true, force: true });
});

/** The report without a network, which fails the test by what it says in the console or asks for. */
async function open(where: string): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en', offline: true });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  const heard: string[] = [];
  page.on('pageerror', (error) => heard.push(error.message));
  page.on('console', (message) => heard.push(message.text()));
  page.on('request', (request) => {
    if (!/^(file|data|blob):/.test(request.url())) heard.push(request.url());
  });
  page.on('close', () => expect(heard, 'what the report said or asked for').toEqual([]));
  await page.goto(`${pathToFileURL(join(elsewhere, 'digits.html'))}${where}`);
  return page;
}

const texts = (page: Page, selector: string) => page.locator(selector).allInnerTexts();

describe('report', () => {
  it('opens at its run, with the numbers of the server', async () => {
    const [report, served] = [await open(''), await openPage(browser, place, '/run/digits')];
    for (const page of [report, served]) {
      await page.locator('.uplot canvas').first().waitFor();
      await page.getByRole('heading', { name: 'How good its model is' }).scrollIntoViewIfNeeded();
      await page.locator('.confusion').waitFor();
    }
    expect(report.url()).toContain('#/run/digits');
    expect(await texts(report, '.figures dd')).toEqual(await texts(served, '.figures dd'));
    expect(await texts(report, '.confusion td')).toEqual(await texts(served, '.confusion td'));
    expect(await report.locator('.controls').count()).toBe(0);
    await isAccessible(report);
    await report.close();
    await served.close();
  });

  it('explains the rows and weights that it holds, and says of others that it does not', async () => {
    const report = await open('#/run/digits/explain?row=17');
    const served = await openPage(browser, place, '/run/digits/explain?row=17&weight=1,20,5');
    for (const page of [report, served]) {
      await page.locator('.tree').waitFor();
      await page.getByRole('button', { name: 'Unfold all' }).click();
    }
    const tree = await texts(report, '.tree output');
    expect(tree.length).toBeGreaterThan(5);
    expect(tree).toEqual(await texts(served, '.tree output'));
    expect(await texts(report, '.outputs td')).toEqual(await texts(served, '.outputs td'));
    expect(await report.locator('.tile').count()).toBe(2);
    await report.getByLabel('Row', { exact: true }).fill('4');
    await report.keyboard.press('Enter');
    await report.getByText('This report does not hold that').waitFor();
    await isAccessible(report);
    await report.close();
    await served.close();
  });

  it('lists its run, and is one file of bounded size', async () => {
    const report = await open('#/');
    await report.getByRole('link', { name: 'digits', exact: true }).first().waitFor();
    await report.close();
    const text = readFileSync(join(elsewhere, 'digits.html'), 'utf8');
    expect(text.length).toBeLessThan(20e6);
  });
});
