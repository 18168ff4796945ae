import { d3Assets } from '@d3/runtime/vite';
import { defineConfig } from 'vite';

/** Cross-origin isolation lets onnxruntime-web use threads; without it D3 works on one. */
const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** Builds the dashboard. `npm start` serves the result. */
export default defineConfig({
  root: 'apps/dashboard',
  plugins: [d3Assets()],
  worker: { format: 'es' },
  build: { outDir: 'dist/site', emptyOutDir: true, target: 'es2023', sourcemap: true },
  server: { headers: ISOLATION },
  preview: { headers: ISOLATION },
});
