import { isD3Error } from '@d3/errors';
import { runServer } from '@d3/server';
import { cloudConfig } from './app.ts';

try {
  await runServer(cloudConfig(process.argv.slice(2), process.env));
} catch (error) {
  if (!isD3Error(error)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 1;
}
