import type { AdapterLayout } from "./lora.ts";

/** Row norms of a linear weight [out, in]: DoRA's initial magnitudes. */
export function rowNorms(weight: Float32Array, rows: number): Float32Array {
  const columns = weight.length / rows;
  return Float32Array.from({ length: rows }, (_, row) => Math.hypot(...weight.subarray(row * columns, (row + 1) * columns)));
}

/**
 * PEFT's initial values: A uniform in +-1/sqrt(in) (Kaiming uniform with a = sqrt 5), B zero; on an embedding A zero and B standard
 * normal. `random` gives numbers in [0, 1); those of a module are drawn together, in the model's order.
 */
export function initialLora(layout: AdapterLayout, random: () => number): ReadonlyMap<string, Float32Array> {
  const values = new Map<string, Float32Array>();
  for (const { a, b } of layout.modules.values()) {
    if (b.name.endsWith("lora_embedding_B")) {
      values.set(a.name, new Float32Array(a.shape[0]! * a.shape[1]!));
      values.set(
        b.name,
        Float32Array.from(
          { length: b.shape[0]! * b.shape[1]! },
          () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()),
        ),
      );
      continue;
    }
    const bound = 1 / Math.sqrt(a.shape[1]!);
    values.set(
      a.name,
      Float32Array.from({ length: a.shape[0]! * a.shape[1]! }, () => (2 * random() - 1) * bound),
    );
    values.set(b.name, new Float32Array(b.shape[0]! * b.shape[1]!));
  }
  return values;
}
