import { attention, cachedAttention, writeCache, type Value } from "@sft/kernels";
import { cacheNames, inputNames, type GraphOptions } from "./graphOptions.ts";

/** Causal attention [N, heads * headDim] of one layer over its own batch or over the layer's cache. */
export function attend({ tape, config, shape, attention: mode }: GraphOptions, layer: number, q: Value, k: Value, v: Value): Value {
  const { heads, keyValueHeads, headDim, attentionScale, attentionSoftcap, windows } = config;
  const attributes = {
    batch: shape.batch,
    queryHeads: heads,
    keyValueHeads,
    headDim,
    scale: attentionScale,
    window: windows[layer]!,
    softcap: attentionSoftcap,
  };
  if (mode.kind === "causal") {
    return tape.apply(attention, [q, k, v, tape.input(inputNames.segments, [shape.batch * shape.length])], attributes)[0]!;
  }
  const lengths = tape.input(inputNames.lengths, [shape.batch]);
  const names = cacheNames(layer);
  const cacheShape = [shape.batch * mode.capacity, keyValueHeads * headDim];
  const [keys, values] = [names.keys, names.values].map((name) => tape.external(name, "state", cacheShape)) as [Value, Value];
  tape.apply(writeCache, [keys, k, lengths], { batch: shape.batch }, [keys]);
  tape.apply(writeCache, [values, v, lengths], { batch: shape.batch }, [values]);
  return tape.apply(cachedAttention, [q, keys, values, lengths], attributes)[0]!;
}
