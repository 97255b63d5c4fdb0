import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page, WebSocketRoute } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Frame, LedgerTold, Phase, Ready, Tell } from '../src/play/protocol';
import { isAccessible, numberIn, openBrowser, openPage, Place } from './program';

const place = new Place();
let browser: Browser;

beforeAll(async () => {
  place.program('train', 'xor', '--run', 'solved');
  await place.serve();
  browser = await openBrowser();
});
afterAll(async () => {
  await browser.close();
  await place.remove();
});

/** What the engine tells a page, heard beside the page. */
class Heard {
  readonly all: Tell[] = [];

  constructor(page: Page) {
    page.on('websocket', (socket) =>
      socket.on('framereceived', ({ payload }) => this.all.push(JSON.parse(String(payload)) as Tell)),
    );
  }

  last<T extends Tell>(kind: T['tell']): T {
    const found = this.all.findLast((told) => told.tell === kind);
    if (!found) throw new Error(`nothing told of ${kind}`);
    return found as T;
  }

  /** What is told of a kind from now on. */
  async next<T extends Tell>(kind: T['tell'], act: () => Promise<unknown>): Promise<T> {
    const from = this.all.length;
    await act();
    await expect.poll(() => this.all.slice(from).some((told) => told.tell === kind), { timeout: 10_000 }).toBe(true);
    return this.last<T>(kind);
  }
}

async function play(query: string, options = {}): Promise<{ page: Page; heard: Heard }> {
  // A page of its own comes first, so that nothing is told before anybody listens.
  const page = await openPage(browser, place, '/', options);
  const heard = new Heard(page);
  await page.goto(`${place.url.split('#')[0]}#/play?${query}`);
  await page.locator('.network-picture canvas').waitFor();
  await expect.poll(() => heard.all.some((told) => told.tell === 'frame')).toBe(true);
  return { page, heard };
}

/** Text as people read it is the number to four digits, to three where it is a power of ten's multiple. */
function isNumber(text: string, value: number | null | undefined) {
  const read = numberIn(text);
  expect(typeof value, text).toBe('number');
  expect(Math.abs(read - (value as number)), `${text} for ${value}`).toBeLessThanOrEqual(
    (text.includes('e') ? 6e-3 : 6e-4) * Math.abs(value as number),
  );
}

/** The table of the phase's card: names of rows, and their cells. */
async function table(page: Page): Promise<Map<string, string[]>> {
  const rows = await page.locator('.phase table').first().locator('tbody tr').all();
  const read = rows.map(async (row) => {
    const [name = '', ...cells] = await row.locator('th, td').allTextContents();
    return [name, cells] as const;
  });
  return new Map(await Promise.all(read));
}

const HIDDEN = 'data=xor&hidden=3&activation=tanh&batch_size=all&learning_rate=0.5&optimizer=gradient_descent';

describe('one phase', () => {
  it('shows the numbers that the engine told: forward, cost, backward, update', async () => {
    const { page, heard } = await play(HIDDEN);
    const gradients = new Map<number, number[]>();
    for (const [phase, layer] of [
      ['forward', 0],
      ['forward', 1],
      ['cost', null],
      ['backward', 1],
      ['backward', 0],
      ['update', null],
    ] as const) {
      await expect.poll(() => heard.last<Frame>('frame').next).toEqual({ phase, layer });
      await page.locator(`.track li.${phase}.next`).waitFor();
      const told = await heard.next<Phase>('phase', () => page.keyboard.press('s'));
      expect([told.phase, told.layer]).toEqual([phase, layer]);
      await page.locator(`.phase[data-phase="${phase}"]${layer === null ? '' : `[data-layer="${layer}"]`}`).waitFor();
      if (phase === 'forward') {
        const shown = await table(page);
        expect(shown.size).toBe(told.a?.length);
        told.a?.forEach((a, unit) => {
          const cells = shown.get(String(unit)) ?? [];
          isNumber(cells.at(-1) ?? '', a);
          if (told.z) isNumber(cells[0] ?? '', told.z[unit]);
        });
      } else if (phase === 'cost') {
        for (const key of ['batch', 'row'] as const) {
          isNumber((await page.locator(`[data-cost="${key}"] dd`).textContent()) ?? '', told.cost?.[key]);
        }
      } else if (phase === 'backward') {
        const shown = await table(page);
        const own = told.gradients?.find((one) => one.layer === layer);
        const units = told.delta?.length ?? 0;
        told.delta?.forEach((delta, unit) => {
          isNumber(shown.get('δ')?.[unit] ?? '', delta);
          isNumber(shown.get('∂C/∂b')?.[unit] ?? '', own?.b[unit]);
        });
        own?.w.forEach((gradient, at) => {
          isNumber(shown.get(`∂C/∂w ${Math.floor(at / units)} →`)?.[at % units] ?? '', gradient);
        });
        gradients.set(layer, (own?.w ?? []) as number[]);
      } else {
        // Plain gradient descent: after = before − η · gradient, by the numbers of the phases before.
        const updated = told.updated?.find((one) => one.layer === 0);
        const shown = await table(page);
        updated?.w.before.forEach((before, at) => {
          const after = updated.w.after[at] as number;
          const [old = '', now = ''] = shown.get(`w0[${Math.floor(at / 3)},${at % 3}]`) ?? [];
          isNumber(old, before);
          isNumber(now, after);
          expect(after).toBeCloseTo((before as number) - 0.5 * (gradients.get(0)?.[at] as number), 6);
        });
        expect(updated?.w.before.length).toBe(6);
      }
    }
    await page.close();
  });

  it('comes to the same weights as one batch, and as the command line', async () => {
    const { page, heard } = await play(HIDDEN);
    for (let phase = 0; phase < 6; phase++) await heard.next('phase', () => page.keyboard.press('s'));
    await expect.poll(() => heard.last<Frame>('frame').step).toBe(1);
    const byPhases = heard.last<Frame>('frame').weights;
    await heard.next('ready', () => page.getByRole('button', { name: 'Restart' }).click());
    await heard.next('frame', () => page.keyboard.press('b'));
    await expect.poll(() => heard.last<Frame>('frame').step).toBe(1);
    expect(heard.last<Frame>('frame').weights).toEqual(byPhases);

    for (const name of ['config.toml', 'model.safetensors']) {
      const [file] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('link', { name, exact: true }).click(),
      ]);
      await file.saveAs(join(place.folder, name));
    }
    place.program('train', '--config', 'config.toml', '--steps', '1', '--run', 'once');
    const [exported, trained] = ['model.safetensors', 'runs/once/model.safetensors'].map((path) =>
      tensors(join(place.folder, path)),
    );
    expect(Object.keys(exported ?? {})).toEqual(['layers.0.b', 'layers.0.w', 'layers.1.b', 'layers.1.w']);
    expect(exported).toEqual(trained);
    await page.close();
  });
});

/** The numbers of a safetensors file of f32, by name. */
function tensors(path: string): Record<string, number[]> {
  const file = readFileSync(path);
  const length = Number(file.readBigUInt64LE(0));
  const head = JSON.parse(file.toString('utf8', 8, 8 + length)) as Record<string, { data_offsets: [number, number] }>;
  const found: Record<string, number[]> = {};
  for (const name of Object.keys(head).sort()) {
    if (!name.startsWith('layers.')) continue;
    const [from, to] = head[name]?.data_offsets ?? [0, 0];
    found[name] = Array.from({ length: (to - from) / 4 }, (_, at) => file.readFloatLE(8 + length + from + at * 4));
  }
  return found;
}

describe('one weight', () => {
  it('is chosen by the keyboard, checked, taken apart and dragged', async () => {
    const { page, heard } = await play(HIDDEN);
    await page.getByRole('button', { name: 'Hidden 1, unit 0' }).focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Shift+ArrowDown');
    await page.keyboard.press('Shift+ArrowDown');
    await expect.poll(() => page.url()).toContain('weight=0%2C1%2C1');
    // Each of both is taken apart; the second is what stays.
    await expect.poll(() => heard.last<LedgerTold>('ledger')?.parameter).toEqual({ layer: 0, from: 1, to: 1 });
    const value = page.locator('[data-figure="value"] dd');
    isNumber((await value.textContent()) ?? '', heard.last<Frame>('frame').weights?.[0]?.w[1 * 3 + 1]);
    const gradient = (await page.locator('[data-figure="gradient"] dd').textContent()) ?? '';

    await page.getByRole('button', { name: 'Check by finite differences' }).click();
    await page.getByText('They agree.').waitFor();
    const analytic = Number(await page.locator('[data-check="analytic"] td').textContent());
    const numeric = Number(await page.locator('[data-check="numeric"] td').textContent());
    isNumber(gradient, analytic);
    expect(numeric).toBeCloseTo(analytic, 6);

    const before = heard.last<Frame>('frame').training.cost;
    await heard.next('frame', async () => {
      await page.getByLabel('Value', { exact: true }).fill('1.5');
      await page.keyboard.press('Enter');
    });
    await expect.poll(() => value.textContent()).toBe('1.5');
    expect(heard.last<Frame>('frame').training.cost).not.toBe(before);
    await expect.poll(() => page.locator('[data-figure="gradient"] dd').textContent()).not.toBe(gradient);
    await page.close();
  });
});

describe('the address', () => {
  it('holds the whole state: another page that opens it has the same network', async () => {
    const { page, heard } = await play('data=moons&rows=60&noise=0.05&hidden=5,3&activation=relu,tanh&seed=7');
    const weights = heard.last<Frame>('frame').weights;
    expect(heard.last<Ready>('ready').layers.map((layer) => layer.units)).toEqual([5, 3, 1]);
    await page.getByRole('button', { name: 'Hidden 2: one unit more' }).click();
    await expect.poll(() => heard.last<Ready>('ready').layers[1]?.units).toBe(4);
    await page.getByRole('button', { name: 'Hidden 2: one unit less' }).click();
    await expect.poll(() => heard.last<Ready>('ready').layers[1]?.units).toBe(3);
    const other = await play(new URL(page.url()).hash.split('?')[1] as string);
    expect(other.heard.last<Frame>('frame').weights).toEqual(weights);
    await other.page.close();
    await page.goBack();
    await expect.poll(() => page.url()).not.toContain('/play');
    await page.close();
  });
});

describe('training', () => {
  it('runs and pauses by the keyboard, and the cost falls', async () => {
    const { page, heard } = await play('data=moons&rows=200');
    const before = heard.last<Frame>('frame').training.cost as number;
    await page.keyboard.press('Space');
    await page.getByRole('button', { name: 'Pause' }).waitFor();
    await expect.poll(() => heard.last<Frame>('frame').step, { timeout: 20_000 }).toBeGreaterThan(500);
    await page.keyboard.press('Space');
    await page.getByRole('button', { name: 'Run', exact: false }).first().waitFor();
    await expect.poll(() => heard.last<Frame>('frame').running).toBe(false);
    expect(heard.last<Frame>('frame').training.cost).toBeLessThan(before);
    await page.close();
  });

  it('is of a table of one’s own, and of a run', async () => {
    const { page, heard } = await play('data=xor');
    const rows = Array.from({ length: 40 }, (_, at) => `${at},${((at * 7) % 13) / 4},${at % 2 === 0 ? 'even' : 'odd'}`);
    writeFileSync(join(place.folder, 'own.csv'), ['a,b,kind', ...rows].join('\n'));
    await heard.next('ready', () => page.locator('input[type="file"]').setInputFiles(join(place.folder, 'own.csv')));
    expect(heard.last<Ready>('ready').data).toMatchObject({ inputs: ['a', 'b'], outputs: ['even', 'odd'] });
    await heard.next('ready', () => page.getByLabel('Column to be learnt').selectOption('b'));
    expect(heard.last<Ready>('ready').data.task).toBe('numbers');
    await heard.next('ready', () => page.getByLabel('Import a run').selectOption('solved'));
    expect(heard.last<Ready>('ready').settings.hidden).toEqual([16]);
    await page.close();
  });
});

describe('the map', () => {
  it('has validation rows outlined, in picture, legend and text', async () => {
    const { page, heard } = await play('data=moons&rows=120&validation=0.25&noise=0.05');
    const { data } = heard.last<Ready>('ready');
    expect(data.validation_points?.x.length).toBe(data.validation);
    expect(data.validation).toBeGreaterThan(10);
    const canvas = page.locator('.output canvas');
    expect(await canvas.getAttribute('aria-label')).toContain(`Outlined are the ${data.validation} validation rows.`);
    await page.locator('.output .legend').getByText('validation rows').waitFor();
    // A ring has its class's colour around an open middle: around most, the colour changes from the middle outwards.
    const [over, up] = data.range ?? [];
    const marks = data.validation_points?.x.map(([x = 0, y = 0]) => [
      ((x as number) - (over?.low ?? 0)) / ((over?.high ?? 1) - (over?.low ?? 0)),
      1 - ((y as number) - (up?.low ?? 0)) / ((up?.high ?? 1) - (up?.low ?? 0)),
    ]) as [number, number][];
    const differ = await canvas.evaluate((element, marks) => {
      const picture = element as HTMLCanvasElement;
      const ctx = picture.getContext('2d') as CanvasRenderingContext2D;
      const ratio = picture.width / picture.clientWidth;
      const at = (x: number, y: number) => ctx.getImageData(Math.round(x), Math.round(y), 1, 1).data;
      const far = (a: Uint8ClampedArray, b: Uint8ClampedArray) =>
        Math.max(...[0, 1, 2].map((c) => Math.abs((a[c] as number) - (b[c] as number))));
      return marks.filter(([x, y]) => {
        const [left, top] = [x * picture.width, y * picture.height];
        return far(at(left, top), at(left + 4 * ratio, top)) > 40;
      }).length;
    }, marks);
    expect(differ).toBeGreaterThan(0.8 * data.validation);
    await page.close();
  });
});

describe('the page', () => {
  it.each([
    { locale: 'en', colorScheme: 'light' },
    { locale: 'ko', colorScheme: 'dark' },
  ] as const)('is accessible in $locale, $colorScheme, and fits a telephone', async (options) => {
    const { page, heard } = await play('data=xor&weight=0,1,2', options);
    await heard.next('phase', () => page.keyboard.press('s'));
    await isAccessible(page);
    await page.setViewportSize({ width: 360, height: 780 });
    await isAccessible(page);
    await page.close();
  });

  it('says that a lost connection has put the network back to step 0, until one goes on', async () => {
    const page = await openPage(browser, place, '/');
    const lines: WebSocketRoute[] = [];
    await page.routeWebSocket(/\/play$/, (line) => {
      line.connectToServer();
      lines.push(line);
    });
    await page.goto(`${place.url.split('#')[0]}#/play?data=xor`);
    const step = page.locator('.counters dd').first();
    await expect.poll(() => step.textContent()).toBe('0');
    await page.keyboard.press('b');
    await expect.poll(() => step.textContent()).toBe('1');
    const said = page.getByText('the network starts anew from step 0');
    expect(await said.count()).toBe(0);
    await lines[0]?.close();
    await said.waitFor();
    await expect.poll(() => step.textContent()).toBe('0');
    await isAccessible(page);
    await page.keyboard.press('b');
    await said.waitFor({ state: 'detached' });
    await page.close();
  });

  it('says what is wrong where a setting cannot be', async () => {
    const { page } = await play('data=xor');
    await page.goto(`${place.url.split('#')[0]}#/play?data=xor&optimizer=nothing`);
    await page.getByRole('alert').filter({ hasText: 'nothing' }).waitFor();
    await page.close();
  });
});
