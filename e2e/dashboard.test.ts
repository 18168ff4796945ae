import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser } from './harness/index.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

let start: ChildProcess;
let browser: Browser;
let page: Page;
const pageErrors: string[] = [];

/** Runs `npm start` as a user does and gives the address that it prints. */
async function startEverything(): Promise<string> {
  start = spawn(process.execPath, ['scripts/start.mjs'], { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
  const { stdout } = start;
  if (!stdout) throw new Error('npm start has no output');
  for await (const line of createInterface({ input: stdout })) {
    const address = /Open (http:\/\/\S+)/.exec(line)?.[1];
    if (address) {
      stdout.resume();
      return address;
    }
  }
  throw new Error('npm start ended without an address');
}

beforeAll(async () => {
  const [address, launched] = await Promise.all([startEverything(), launchBrowser()]);
  browser = launched;
  page = await browser.newPage({ viewport: { width: 1180, height: 1000 } });
  page.on('pageerror', (error) => pageErrors.push(error.message));
  await page.goto(address);
});

afterAll(async () => {
  await browser?.close();
  if (start && start.exitCode === null) {
    start.kill('SIGINT');
    await once(start, 'exit');
  }
});

/** Chooses a scenario, waits until its session is ready, and takes a drawing. */
async function classify(scenario: string, drawing: string): Promise<void> {
  await page.locator(`button[data-scenario="${scenario}"]`).click();
  await page.locator(`button[data-scenario="${scenario}"][aria-checked="true"]`).waitFor();
  await page.locator('d3-draw-pad').waitFor();
  const samples = page.locator('.samples');
  if ((await samples.getAttribute('open')) === null) await samples.locator('summary').click();
  await samples.getByRole('button', { name: drawing, exact: true }).click();
  await page.locator('d3-answers li').first().waitFor();
}

const bestLabel = () => page.locator('d3-answers li .label').first().innerText();
const sentence = () => page.locator('d3-plan-table p').first().innerText();
const conditions = () => page.locator('.conditions').innerText();

/** Tiers that hold layers, with what the page says of each. */
async function busyTiers(): Promise<Record<string, string>> {
  const cards = await page.locator('d3-split .tier:not(.idle)').all();
  const entries = cards.map(async (card) => [(await card.getAttribute('data-tier')) ?? '', await card.innerText()]);
  return Object.fromEntries(await Promise.all(entries));
}

describe('the demo that `npm start` brings up', () => {
  it('opens private: the first layers stay in the browser, and what crosses is shown', async () => {
    await classify('private', 'star');
    expect(await bestLabel()).toBe('star');
    expect(await conditions()).toMatch(/input and the first \d+ of \d+ layers stay on the device/);
    const tiers = await busyTiers();
    expect(tiers.device).toContain('emulated: slowed 8×');
    expect(Object.keys(tiers).length).toBeGreaterThan(1);
    expect(await page.locator('d3-feature-maps canvas').count()).toBeGreaterThan(8);
  });

  it('shows a drawing that is made with the pointer', async () => {
    await page.getByRole('button', { name: 'Clear' }).click();
    const box = await page.locator('d3-draw-pad canvas').boundingBox();
    if (!box) throw new Error('no page to draw on');
    const at = (x: number, y: number) => [box.x + x * box.width, box.y + y * box.height] as const;
    const corners = [at(0.2, 0.2), at(0.8, 0.2), at(0.8, 0.8), at(0.2, 0.8), at(0.2, 0.2)];
    await page.mouse.move(...at(0.2, 0.2));
    await page.mouse.down();
    for (const corner of corners) await page.mouse.move(...corner, { steps: 12 });
    await page.mouse.up();
    await expect.poll(bestLabel, { timeout: 30_000 }).toBe('square');
  });

  it('classifies a drawing over three tiers that the planner chose under pins', async () => {
    await classify('three-tiers', 'umbrella');
    expect(await bestLabel()).toBe('umbrella');
    const tiers = await busyTiers();
    expect(Object.keys(tiers).sort()).toEqual(['cloud', 'device', 'edge']);
    expect(await conditions()).toContain('pinned to the edge');
  });

  it('says why it does not split when nothing asks for it', async () => {
    await classify('fastest', 'cup');
    expect(await bestLabel()).toBe('cup');
    expect(await sentence()).toMatch(/split/i);
    expect(Object.keys(await busyTiers())).toHaveLength(1);
  });

  it('streams over tiers that are marked as slowed, at a measured rate', async () => {
    await classify('stream', 'fish');
    expect(await bestLabel()).toBe('fish');
    expect(await conditions()).toContain('Emulated');
    expect(Object.values(await busyTiers()).join(' ')).toContain('emulated: slowed');
    await page.locator('button[data-run-stream]').click();
    await expect.poll(() => page.locator('[data-rate]').innerText(), { timeout: 60_000 }).toMatch(/^\d+\.\d$/);
  });

  it('leaves no error in the page', () => {
    expect(pageErrors).toEqual([]);
  });
});
