import type { Browser, Page, Worker } from 'playwright-core';

/** An open page whose script's exports can be called. */
export interface HarnessPage<Exports> {
  readonly page: Page;
  /** What the page wrote to its console as errors, and errors that nobody caught. */
  readonly errors: readonly string[];
  /** Calls an exported function in the page; arguments and result are plain data. */
  call<K extends keyof Exports & string>(
    name: K,
    ...args: Exports[K] extends (...args: infer A) => unknown ? A : never
  ): Promise<Exports[K] extends (...args: never) => infer R ? Awaited<R> : never>;
  close(): Promise<void>;
}

/**
 * Opens a page of a harness in a context of its own (fresh caches).
 *
 * @typeParam Exports - `typeof import('./x.page.ts')`, the module that the page was built from
 */
export async function openPage<Exports>(browser: Browser, url: string): Promise<HarnessPage<Exports>> {
  const context = await browser.newContext();
  const page = await context.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  await page.goto(url);
  await page.evaluate('globalThis.harnessReady');
  return {
    page,
    errors,
    call: (name, ...args) => page.evaluate(callExport, { name, args }) as never,
    close: () => context.close(),
  };
}

/** Runs in the page. Errors keep their code by travelling inside the message that Playwright shows. */
function callExport(request: { name: string; args: unknown[] }): unknown {
  const { harness } = globalThis as unknown as { harness: Record<string, (...args: unknown[]) => unknown> };
  const target = harness[request.name];
  if (target === undefined) throw new Error(`The page exports no '${request.name}'`);
  return target(...request.args);
}

/** The page's latest worker whose script is named so. */
export function workerNamed(page: Page, name: RegExp): Worker {
  const worker = page.workers().findLast((candidate) => name.test(candidate.url()));
  if (worker === undefined) throw new Error(`No worker ${name} among ${page.workers().map((w) => w.url())}`);
  return worker;
}
