import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** How {@link launchBrowser} sets the browser up. */
export interface LaunchOptions {
  /** Whether pages get WebGPU, computed by SwiftShader so that it is the same on every machine. Default true. */
  readonly webgpu?: boolean;
  /** Further command-line flags. */
  readonly args?: readonly string[];
}

const COMMON_FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-default-apps',
  '--disable-sync',
  '--no-first-run',
  '--mute-audio',
];
const WEBGPU_FLAGS = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];
const NO_WEBGPU_FLAGS = ['--disable-features=WebGPU'];

/** A real Chromium without a window. The caller closes it. */
export function launchBrowser(options: LaunchOptions = {}): Promise<Browser> {
  const gpuFlags = options.webgpu === false ? NO_WEBGPU_FLAGS : WEBGPU_FLAGS;
  return chromium.launch({
    executablePath: findChromium(),
    args: [...COMMON_FLAGS, ...gpuFlags, ...(options.args ?? [])],
  });
}

/** Path of a Chromium: `CHROMIUM_PATH`, else a common place, else Playwright's own. */
export function findChromium(): string {
  const named = process.env.CHROMIUM_PATH;
  const candidates = [named, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
  const found = [...candidates, chromium.executablePath()].find((path) => path !== undefined && existsSync(path));
  if (found === undefined) throw new Error('No Chromium found: install one and set CHROMIUM_PATH to it');
  return found;
}
