import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';

const PROGRAM = process.env.DELTARULE_PROGRAM;
if (!PROGRAM) throw new Error('DELTARULE_PROGRAM must name the program: cargo xtask web sets it');
const CHROMIUM = process.env.DELTARULE_CHROMIUM ?? '/usr/bin/chromium';

/** A folder of its own, in which the program trains and serves. */
export class Place {
  readonly folder = mkdtempSync(join(tmpdir(), 'deltarule-page-'));
  private server: ChildProcess | undefined;
  url = '';

  /** Runs the program to its end; gives what it said on standard output. */
  program(...words: string[]): string {
    return execFileSync(PROGRAM as string, words, {
      cwd: this.folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  }

  /** A run's folder. */
  run(name: string): string {
    return join(this.folder, 'runs', name);
  }

  /** What a run has told. */
  events(name: string): Record<string, unknown>[] {
    const text = readFileSync(join(this.run(name), 'events.jsonl'), 'utf8');
    return text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** A run that goes on beside the test. */
  start(...words: string[]): ChildProcess {
    return spawn(PROGRAM as string, words, { cwd: this.folder, stdio: 'ignore' });
  }

  /** Serves the page. `address` is that of an earlier server whose place it takes. */
  async serve(address = '127.0.0.1:0'): Promise<void> {
    const server = spawn(PROGRAM as string, ['dashboard', '--no-open', '--json', '--addr', address], {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.server = server;
    let text = '';
    for await (const line of createInterface({ input: server.stdout })) {
      text += line;
      if (line.startsWith('}')) break;
    }
    this.url = (JSON.parse(text) as { url: string }).url;
  }

  async stopServing(): Promise<void> {
    const server = this.server;
    if (!server || server.exitCode !== null) return;
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGKILL');
    await ended;
  }

  async remove(): Promise<void> {
    await this.stopServing();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A number as the page writes it, in English. */
export function numberIn(text: string | null): number {
  const plain = (text ?? '').trim().replaceAll(',', '').replaceAll('−', '-').replace('∞', 'Infinity');
  return plain === '' ? Number.NaN : Number(plain);
}

/** Whether a number with at least three digits says this one. */
export function says(shown: number, number: number): boolean {
  return shown === number || Math.abs(shown - number) <= 6e-3 * Math.abs(number);
}

export async function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--font-render-hinting=none'] });
}

/** A page that fails the test by what it says in the console. `where` is the address's part after the token, e.g. `/play`. */
export async function openPage(
  browser: Browser,
  place: Place,
  where: string,
  options: BrowserContextOptions & { allowed?: RegExp } = {},
): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    colorScheme: 'light',
    locale: 'en',
    reducedMotion: 'reduce',
    ...options,
  });
  // Long, for machines that do other things as well: who waits in vain fails anyway.
  context.setDefaultTimeout(40_000);
  const page = await context.newPage();
  const heard: string[] = [];
  page.on('pageerror', (error) => heard.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !options.allowed?.test(message.text())) heard.push(message.text());
  });
  page.on('close', () => expect(heard, 'what the page said in the console').toEqual([]));
  const [address = '', token = ''] = place.url.split('#/?');
  await page.goto(`${address}#${where}${where.includes('?') ? '&' : '?'}${token}`);
  return page;
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** axe-core finds nothing serious or critical, and nothing is wider than the window. */
export async function isAccessible(page: Page): Promise<void> {
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: { run(): Promise<Violations> } }).axe.run();
    return violations
      .filter((one) => one.impact === 'serious' || one.impact === 'critical')
      .map((one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 120)).join(' | ')}`);
  });
  expect(found).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
}

interface Violations {
  violations: { id: string; impact: string; nodes: { html: string }[] }[];
}
