import type { TensorSource } from "@sft/checkpoint";
import type { ParameterSpec } from "../families/family.ts";
import type { AdapterLayout } from "./lora.ts";
import { mergedWeight } from "./mergeLora.ts";

/** Weights that are read one tensor at a time, some of them changed on the way; `isChanged` says which. */
export interface MergedTensors {
  readonly tensors: TensorSource["tensors"];
  readonly isChanged: (name: string) => boolean;
  /** A tensor's bytes as the base stores it; only for those that are not changed. */
  read(name: string): Promise<Uint8Array>;
  readFloat32(name: string): Promise<Float32Array>;
}

/** The base's tensors with an adapter merged in; without one, the base's tensors as they are. Holds one tensor and its pair. */
export function mergedTensors(
  base: TensorSource,
  parameters: readonly ParameterSpec[],
  adapter?: { readonly layout: AdapterLayout; readonly tensors: TensorSource },
): MergedTensors {
  const kinds = new Map(parameters.map(({ name, kind }) => [name, kind]));
  const pairOf = (name: string) => (name.endsWith(".weight") ? adapter?.layout.modules.get(name.slice(0, -".weight".length)) : undefined);
  const copyOf = (name: string) => adapter?.layout.copies.get(name);
  return {
    tensors: base.tensors,
    isChanged: (name) => pairOf(name) !== undefined || copyOf(name) !== undefined,
    read: (name) => base.read(name),
    async readFloat32(name) {
      const copy = copyOf(name);
      if (copy) return adapter!.tensors.readFloat32(copy.name);
      const weight = await base.readFloat32(name);
      const pair = pairOf(name);
      if (!pair) return weight;
      const [a, b] = [await adapter!.tensors.readFloat32(pair.a.name), await adapter!.tensors.readFloat32(pair.b.name)];
      const magnitude = pair.magnitude && (await adapter!.tensors.readFloat32(pair.magnitude.name));
      return mergedWeight(weight, kinds.get(name)!, pair, { a, b, ...(magnitude ? { magnitude } : {}) });
    },
  };
}
