import type { ParameterSpec } from "../families/family.ts";
import { closeNames, ModelError } from "../errors.ts";
import { patternValue } from "./peftPattern.ts";

/** LoRA settings (Hu et al. 2021), in PEFT's words. */
export interface LoraConfig {
  /** Rank. */
  readonly r: number;
  readonly alpha: number;
  /** Dropout on the adapter's input while training, in [0, 1). */
  readonly dropout: number;
  /**
   * Which linear layers get a pair. "all-linear": every one but the output head. Another string is a regular expression
   * that must match a module's whole name. A list holds names, or endings of names after a dot ("q_proj").
   */
  readonly targetModules: string | readonly string[];
  /** Scale alpha / sqrt(r) instead of alpha / r (rsLoRA, Kalajdzievski 2023). */
  readonly useRslora?: boolean;
  /** Learn a magnitude for each output row beside the pair (DoRA, Liu et al. 2024). */
  readonly useDora?: boolean;
  /** Ranks, and alphas, of modules whose name a key's regular expression matches (see patternValue); `r` and `alpha` for the rest. */
  readonly rankPattern?: Readonly<Record<string, number>>;
  readonly alphaPattern?: Readonly<Record<string, number>>;
}

/** The pair of one linear layer: y += scale * (x A^T) B^T with A[r, in] and B[out, r]. */
export interface LoraModule {
  readonly a: ParameterSpec;
  readonly b: ParameterSpec;
  /** DoRA's magnitude m[out]: y = m / ||W + scale B A|| * (x W^T + scale (x A^T) B^T), the norm by rows and held constant. */
  readonly magnitude?: ParameterSpec;
  readonly scale: number;
}

/** Where the adapter sits in a model: module name -> pair. */
export interface AdapterLayout {
  readonly config: LoraConfig;
  readonly modules: ReadonlyMap<string, LoraModule>;
  readonly dropout: number;
}

/** PEFT's tensor names in adapter_model.safetensors; a magnitude vector has no ".weight" there. */
export function loraTensorName(module: string, part: "lora_A" | "lora_B" | "lora_magnitude_vector"): string {
  return `base_model.model.${module}.${part}${part === "lora_magnitude_vector" ? "" : ".weight"}`;
}

/** The linear modules that `targetModules` selects, in the model's order. */
export function matchTargets(parameters: readonly ParameterSpec[], targets: LoraConfig["targetModules"]): readonly string[] {
  const modules = parameters.filter(({ kind }) => kind === "linear" || kind === "conv1d").map(({ name }) => name.slice(0, -".weight".length));
  const matched = modules.filter((module) => isTarget(module, targets));
  const unmatched = typeof targets === "string" ? (matched.length === 0 ? [targets] : []) : targets.filter((target) => !modules.some((module) => isTarget(module, [target])));
  if (unmatched.length === 0) return matched;
  const endings = [...new Set(modules.map((module) => module.slice(module.lastIndexOf(".") + 1)))];
  throw new ModelError(
    "no-lora-target",
    `LoRA target ${unmatched.map((target) => JSON.stringify(target)).join(", ")} matches no linear layer of this model`,
    `Closest: ${closeNames(unmatched[0]!, endings).join(", ")}. All linear layers: ${endings.join(", ")}, or "all-linear".`,
  );
}

function isTarget(module: string, targets: LoraConfig["targetModules"]): boolean {
  if (targets === "all-linear") return true;
  if (typeof targets !== "string") return targets.some((target) => module === target || module.endsWith(`.${target}`));
  try {
    return new RegExp(`^(?:${targets})$`).test(module);
  } catch (cause) {
    throw new ModelError("bad-lora", `LoRA target_modules ${JSON.stringify(targets)} is no valid regular expression: ${(cause as Error).message}`);
  }
}

/** Shapes and names of all pairs. Throws ModelError for a rank that is no positive integer or a target that matches nothing. */
export function layoutLora(parameters: readonly ParameterSpec[], config: LoraConfig): AdapterLayout {
  for (const rank of [config.r, ...Object.values(config.rankPattern ?? {})]) {
    if (!Number.isInteger(rank) || rank < 1) throw new ModelError("bad-lora", `LoRA rank must be a positive integer, got ${rank}`);
  }
  if (!(config.dropout >= 0 && config.dropout < 1)) throw new ModelError("bad-lora", `LoRA dropout must be in [0, 1), got ${config.dropout}`);
  const specs = new Map(parameters.map((parameter) => [parameter.name, parameter]));
  const modules = new Map<string, LoraModule>();
  for (const module of matchTargets(parameters, config.targetModules)) {
    const { kind, shape } = specs.get(`${module}.weight`)!;
    if (kind === "conv1d" && config.useDora) throw new ModelError("bad-lora", `DoRA on ${module} is not implemented for weights stored [in, out]`, "Use LoRA.");
    const [out, input] = (kind === "conv1d" ? shape.toReversed() : shape) as [number, number];
    const rank = patternValue(config.rankPattern, module) ?? config.r;
    const alpha = patternValue(config.alphaPattern, module) ?? config.alpha;
    modules.set(module, {
      a: { name: loraTensorName(module, "lora_A"), shape: [rank, input], kind: "linear" },
      b: { name: loraTensorName(module, "lora_B"), shape: [out, rank], kind: "linear" },
      ...(config.useDora ? { magnitude: { name: loraTensorName(module, "lora_magnitude_vector"), shape: [out], kind: "norm" as const } } : {}),
      scale: alpha / (config.useRslora ? Math.sqrt(rank) : rank),
    });
  }
  return { config, modules, dropout: config.dropout };
}

/** All adapter parameters in the model's order: A, B, and the magnitude if there is one. */
export function adapterParameters(layout: AdapterLayout): readonly ParameterSpec[] {
  return [...layout.modules.values()].flatMap(({ a, b, magnitude }) => (magnitude ? [a, b, magnitude] : [a, b]));
}

/** Row norms of a linear weight [out, in]: DoRA's initial magnitudes. */
export function rowNorms(weight: Float32Array, rows: number): Float32Array {
  const columns = weight.length / rows;
  return Float32Array.from({ length: rows }, (_, row) => Math.hypot(...weight.subarray(row * columns, (row + 1) * columns)));
}

/**
 * PEFT's initial values: A uniform in +-1/sqrt(in) (Kaiming uniform with a = sqrt 5), B zero.
 * `random` gives numbers in [0, 1); one is drawn for each element of every A, in the model's order.
 */
export function initialLora(layout: AdapterLayout, random: () => number): ReadonlyMap<string, Float32Array> {
  const values = new Map<string, Float32Array>();
  for (const { a, b } of layout.modules.values()) {
    const bound = 1 / Math.sqrt(a.shape[1]!);
    values.set(a.name, Float32Array.from({ length: a.shape[0]! * a.shape[1]! }, () => (2 * random() - 1) * bound));
    values.set(b.name, new Float32Array(b.shape[0]! * b.shape[1]!));
  }
  return values;
}
