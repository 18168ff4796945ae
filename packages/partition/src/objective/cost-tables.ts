import type { Problem } from '../problem.ts';

const tables = new WeakMap<object, Float64Array>();

/** Times in one array, `[layer * tiers + tier]`: made once for a problem's `layers`, since objects are slow to walk. */
export function computeTable({ layers, tiers }: Problem): Float64Array {
  return tableOf(layers, tiers.length, ({ computeMs }, row) => row.set(computeMs));
}

/**
 * Bytes in one array, made once for a problem's `tensors`: `[tensor * tiers + hop]` coded, on the way up; and in the last
 * place of each row uncoded, on the way back, or -1 when the tensor is not an output.
 */
export function bytesTable({ tensors, tiers }: Problem): Float64Array {
  return tableOf(tensors, tiers.length, ({ codedBytes, isOutput, bytes }, row) => {
    row.set(codedBytes);
    row[tiers.length - 1] = isOutput ? bytes : -1;
  });
}

function tableOf<Row extends object>(
  rows: readonly Row[],
  width: number,
  fill: (from: Row, row: Float64Array) => void,
): Float64Array {
  let table = tables.get(rows);
  if (table === undefined) {
    table = new Float64Array(rows.length * width);
    for (let index = 0; index < rows.length; index++) {
      const from = rows[index];
      if (from !== undefined) fill(from, table.subarray(index * width, (index + 1) * width));
    }
    tables.set(rows, table);
  }
  return table;
}
