import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { expect } from 'vitest';

const KEPT = join(dirname(fileURLToPath(import.meta.url)), '../../docs/page');

/** A pixel differs where a colour is off by more than a tenth of its range, in a picture of half the size: hinting of letters does not count. */
const OFF = 26;
/** The share of pixels that may: another version of the browser moves a line of text by a pixel. */
const SHARE = 0.02;

/**
 * Compares what the page shows with the picture kept under docs/page, which `DELTARULE_UPDATE_PICTURES=1` takes anew. Long pages are
 * compared as far down as `height`.
 */
export async function looksAsKept(browser: Browser, page: Page, name: string, height = 1600): Promise<void> {
  const width = page.viewportSize()?.width ?? 1280;
  await page.setViewportSize({ width, height });
  await page.mouse.move(0, 0);
  await page.waitForTimeout(400);
  const now = await page.screenshot({ animations: 'disabled' });
  const place = join(KEPT, `${name}.png`);
  if (process.env.DELTARULE_UPDATE_PICTURES) {
    mkdirSync(KEPT, { recursive: true });
    writeFileSync(place, now);
    return;
  }
  expect(existsSync(place), `${place}: take it by DELTARULE_UPDATE_PICTURES=1`).toBe(true);
  const share = await differing(browser, readFileSync(place), now);
  if (share > SHARE) writeFileSync(join(KEPT, `${name}.now.png`), now);
  expect(share, `${name}: share of differing pixels; what is shown now lies beside it`).toBeLessThanOrEqual(SHARE);
}

/** The share of pixels that differ, 1 where sizes do. The browser reads the pictures, so that no library is needed for it. */
async function differing(browser: Browser, kept: Buffer, now: Buffer): Promise<number> {
  const page = await browser.newPage();
  const share = await page.evaluate(
    async ([one, other, off]) => {
      const read = async (base64: string) => {
        const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
        const image = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
        const [width, height] = [image.width >> 1, image.height >> 1];
        const context = new OffscreenCanvas(width, height).getContext('2d') as OffscreenCanvasRenderingContext2D;
        context.drawImage(image, 0, 0, width, height);
        return context.getImageData(0, 0, width, height);
      };
      const [a, b] = [await read(one), await read(other)];
      if (a.width !== b.width || a.height !== b.height) return 1;
      let count = 0;
      for (let at = 0; at < a.data.length; at += 4) {
        const far = [0, 1, 2].some((c) => Math.abs((a.data[at + c] as number) - (b.data[at + c] as number)) > off);
        if (far) count++;
      }
      return (4 * count) / a.data.length;
    },
    [kept.toString('base64'), now.toString('base64'), OFF] as const,
  );
  await page.close();
  return share;
}
