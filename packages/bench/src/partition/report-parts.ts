import { readFile } from 'node:fs/promises';
import { isFull, type Report, writeReport } from '../report.ts';

/** Writes what one part of the benchmark found into the last report, in place of what that part found before. */
export async function writePart(part: string, { figures, rows }: Report, name = 'partition'): Promise<void> {
  const path = new URL(`../../../../docs/evaluation/${name}${isFull ? '-full' : ''}.json`, import.meta.url);
  const last = await readFile(path, 'utf8').then(
    (text) => JSON.parse(text) as Report,
    () => ({ figures: {}, rows: [] }),
  );
  const kept = last.rows.filter((row) => row.part !== undefined && row.part !== part);
  const found = rows.map((row) => ({ part, ...row }));
  await writeReport(name, { figures: { ...last.figures, ...figures }, rows: [...kept, ...found] });
}
