import { appendFileSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAccessible, numberIn, openBrowser, openPage, Place, says } from './program';

const place = new Place();
let browser: Browser;

beforeAll(async () => {
  const deep = ['--hidden', '16,16,16,16', '--activation', 'sigmoid', '--initializer', 'glorot_uniform'];
  place.program('train', 'digits', ...deep, '--optimizer', 'sgd', '--epochs', '4', '--run', 'deep');
  place.program('doctor', 'deep', '--budget', '8', '--json');
  await place.serve();
  browser = await openBrowser();
});
afterAll(async () => {
  await browser.close();
  await place.remove();
});

/** The table behind a picture, as numbers. */
async function table(page: Page, heading: string): Promise<number[][]> {
  const card = page.locator('section.card', { has: page.getByRole('heading', { name: heading }) }).first();
  const details = card.locator('details').last();
  if ((await details.getAttribute('open')) === null) await details.locator('summary').click();
  // What is folded has no rows until it is opened, a moment after the click.
  await details.locator('tbody tr').first().waitFor();
  const rows = await details.locator('tbody tr').all();
  return Promise.all(rows.map(async (row) => (await row.locator('td, th').allInnerTexts()).map(numberIn)));
}

describe('run', () => {
  it('shows the numbers of its events', async () => {
    const page = await openPage(browser, place, '/run/deep');
    await page.locator('.uplot canvas').first().waitFor();
    const epochs = place.events('deep').filter((event) => event.event === 'epoch') as { step: number; cost: number }[];
    await expect
      .poll(async () => (await table(page, 'Cost and validation')).length, { timeout: 30_000 })
      .toBe(epochs.length);
    const curve = await table(page, 'Cost and validation');
    epochs.forEach((epoch, at) => {
      expect(curve[at]?.[0]).toBe(epoch.step);
      expect(says(curve[at]?.[1] as number, epoch.cost), `${curve[at]} beside ${epoch.cost}`).toBe(true);
    });
    const looks = place.events('deep').filter((event) => event.event === 'health') as unknown as Look[];
    const flow = await table(page, 'Gradient flow');
    expect(flow.length).toBe(looks.length);
    looks.forEach((look, at) => {
      const told = look.layers.filter((layer) => layer.delta !== undefined).map((layer) => Math.log10(layer.delta));
      told.forEach((decade, layer) => {
        expect(says(flow[at]?.[layer + 1] as number, decade), `look ${at}, layer ${layer}`).toBe(true);
      });
    });
    await isAccessible(page);
    await page.close();
  });

  it('goes to the step where a finding began, and tells what its remedies brought', async () => {
    const page = await openPage(browser, place, '/run/deep');
    const finding = page.locator('article.finding.error').first();
    await finding.waitFor();
    await finding.getByRole('button', { name: /^Go to step/ }).click();
    expect(page.url()).toMatch(/step=\d+/);
    await finding.locator('summary').click();
    expect(await page.getByText(/Measured: accuracy on validation rows/).count()).toBeGreaterThan(0);
    await page.close();
  });

  it('moves through the looks by keyboard', async () => {
    const page = await openPage(browser, place, '/run/deep');
    const map = page.getByRole('slider', { name: 'Gradient flow' });
    await map.focus();
    await page.keyboard.press('Home');
    expect(await map.getAttribute('aria-valuenow')).toBe('0');
    await page.keyboard.press('ArrowRight');
    expect(await map.getAttribute('aria-valuenow')).toBe('1');
    await page.close();
  });

  it('opens what is cut off in mid-line, or has events and fields of another version', async () => {
    for (const name of ['cut', 'other']) cpSync(place.run('deep'), place.run(name), { recursive: true });
    const whole = readFileSync(`${place.run('deep')}/events.jsonl`, 'utf8');
    writeFileSync(`${place.run('cut')}/events.jsonl`, whole.slice(0, whole.lastIndexOf('"epoch"') - 10));
    const other = whole
      .trim()
      .split('\n')
      .map((line) => JSON.stringify({ ...(JSON.parse(line) as object), mood: 'good' }));
    other.splice(3, 0, '{"event":"sang","step":1,"time":"2026-01-01T00:00:00Z"}', 'no JSON at all');
    writeFileSync(`${place.run('other')}/events.jsonl`, `${other.join('\n')}\n`);
    for (const [name, epochs] of [
      ['cut', 3],
      ['other', 4],
    ] as const) {
      const page = await openPage(browser, place, `/run/${name}`);
      await page.locator('.uplot canvas').first().waitFor();
      await expect
        .poll(async () => (await table(page, 'Cost and validation')).length, { timeout: 30_000 })
        .toBe(epochs);
      await page.close();
    }
  });

  it('pauses, changes, goes on with and ends a run, each of which the run tells', async () => {
    const child = place.start(
      'train',
      'circles',
      '--hidden',
      '16',
      '--batch-size',
      '4',
      // Without an end of its own, however fast it goes.
      '--epochs',
      '100000000',
      '--early-stopping',
      'none',
      '--run',
      'live',
    );
    const page = await openPage(browser, place, '/run');
    await page.waitForURL(/run\/live/);
    const heading = page.locator('.head').first();
    const press = (name: string) => page.getByRole('button', { name }).click();
    await press('Pause');
    await heading.getByText('paused').waitFor();
    await press('Learning rate × 0.5');
    await press('Resume');
    await heading.getByText('running').waitFor();
    await page.getByText('What was asked of it').waitFor();
    await press('Stop');
    await heading.getByText('stopped').waitFor();
    await new Promise((resolve) => (child.exitCode === null ? child.once('exit', resolve) : resolve(0)));
    const told = place.events('live').filter((event) => event.event === 'controlled');
    expect(told.map((event) => (event.control as { control: string }).control)).toEqual([
      'pause',
      'scale_learning_rate',
      'resume',
      'stop',
    ]);
    await page.close();
  });

  it('loses and repeats nothing when the server is started anew', async () => {
    place.program('train', 'circles', '--hidden', '8', '--epochs', '3', '--early-stopping', 'none', '--run', 'broken');
    const events = `${place.run('broken')}/events.jsonl`;
    const lines = readFileSync(events, 'utf8').trim().split('\n');
    const first = lines.findIndex((line) => line.includes('"event":"epoch"'));
    writeFileSync(events, `${lines.slice(0, first + 1).join('\n')}\n`);
    // A lost connection is told in the console by the browser itself.
    const page = await openPage(browser, place, '/run/broken', { allowed: /ERR_|Failed to load resource/ });
    await page.locator('.uplot canvas').first().waitFor();
    await expect.poll(async () => (await table(page, 'Cost and validation')).length, { timeout: 30_000 }).toBe(1);
    const address = new URL(place.url).host;
    await place.stopServing();
    appendFileSync(events, `${lines.slice(first + 1).join('\n')}\n`);
    await place.serve(address);
    await expect.poll(async () => (await table(page, 'Cost and validation')).length, { timeout: 30_000 }).toBe(3);
    const steps = (await table(page, 'Cost and validation')).map((row) => row[0]);
    expect(new Set(steps).size).toBe(3);
    await page.close();
  });
});

interface Look {
  layers: { delta: number }[];
}
