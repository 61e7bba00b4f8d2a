import type { ParameterSpec } from "../families/family.ts";
import { closeNames, ModelError } from "../errors.ts";
import { isModule, matchTargets } from "./loraTargets.ts";
import { patternValue } from "./peftPattern.ts";

/** LoRA settings (Hu et al. 2021), in PEFT's words. */
export interface LoraConfig {
  /** Rank. */
  readonly r: number;
  readonly alpha: number;
  /** Dropout on the adapter's input while training, in [0, 1). */
  readonly dropout: number;
  /**
   * Which layers get a pair. "all-linear": every linear one but the output head. Another string is a regular expression
   * that must match a module's whole name. A list holds names, or endings of names after a dot ("q_proj"). Both may also
   * name an untied output head and embeddings.
   */
  readonly targetModules: string | readonly string[];
  /** Scale alpha / sqrt(r) instead of alpha / r (rsLoRA, Kalajdzievski 2023). */
  readonly useRslora?: boolean;
  /** Learn a magnitude for each output row beside the pair (DoRA, Liu et al. 2024). */
  readonly useDora?: boolean;
  /** Ranks, and alphas, of modules whose name a key's regular expression matches (see patternValue); `r` and `alpha` for the rest. */
  readonly rankPattern?: Readonly<Record<string, number>>;
  readonly alphaPattern?: Readonly<Record<string, number>>;
  /** Modules, by name or ending, of which a whole copy is trained beside the pairs and saved with them. */
  readonly modulesToSave?: readonly string[];
}

/**
 * The pair of one linear layer: y += scale * (x A^T) B^T with A[r, in] and B[out, r]. On an output head W becomes W + scale B A, on an
 * embedding table [vocab, hidden] it becomes W + scale (B A)^T with A[r, vocab] and B[hidden, r].
 */
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
  /** Whole copies: name of the base parameter -> its copy. */
  readonly copies: ReadonlyMap<string, ParameterSpec>;
  readonly dropout: number;
}

/** PEFT's tensor names in adapter_model.safetensors; magnitude vectors and pairs of embeddings have no ".weight" there. */
export function loraTensorName(
  module: string,
  part: "lora_A" | "lora_B" | "lora_embedding_A" | "lora_embedding_B" | "lora_magnitude_vector",
): string {
  return `base_model.model.${module}.${part}${part === "lora_A" || part === "lora_B" ? ".weight" : ""}`;
}

/** Shapes and names of all pairs. Throws ModelError for a rank that is no positive integer or a target that matches nothing. */
export function layoutLora(parameters: readonly ParameterSpec[], config: LoraConfig): AdapterLayout {
  for (const rank of [config.r, ...Object.values(config.rankPattern ?? {})]) {
    if (!Number.isInteger(rank) || rank < 1) throw new ModelError("bad-lora", `LoRA rank must be a positive integer, got ${rank}`);
  }
  if (!(config.dropout >= 0 && config.dropout < 1))
    throw new ModelError("bad-lora", `LoRA dropout must be in [0, 1), got ${config.dropout}`);
  const specs = new Map(parameters.map((parameter) => [parameter.name, parameter]));
  const modules = new Map<string, LoraModule>();
  for (const module of matchTargets(parameters, config.targetModules)) {
    const { kind, shape } = specs.get(`${module}.weight`)!;
    if (kind !== "linear" && kind !== "conv1d" && config.useDora)
      throw new ModelError(
        "bad-lora",
        `DoRA is implemented for linear layers, and ${module} is none`,
        "Use LoRA, or leave this module out.",
      );
    if (kind === "head" && config.dropout > 0)
      throw new ModelError(
        "bad-lora",
        `LoRA on the output head ${module} has no dropout, got ${config.dropout}`,
        "Set lora_dropout to 0, or leave the head out.",
      );
    const [out, input] = (kind === "conv1d" || kind === "embedding" ? shape.toReversed() : shape) as [number, number];
    const [partA, partB] = kind === "embedding" ? (["lora_embedding_A", "lora_embedding_B"] as const) : (["lora_A", "lora_B"] as const);
    const rank = patternValue(config.rankPattern, module) ?? config.r;
    const alpha = patternValue(config.alphaPattern, module) ?? config.alpha;
    modules.set(module, {
      a: { name: loraTensorName(module, partA), shape: [rank, input], kind: "linear" },
      b: { name: loraTensorName(module, partB), shape: [out, rank], kind: "linear" },
      ...(config.useDora
        ? { magnitude: { name: loraTensorName(module, "lora_magnitude_vector"), shape: [out], kind: "norm" as const } }
        : {}),
      scale: alpha / (config.useRslora ? Math.sqrt(rank) : rank),
    });
  }
  const copies = copiedParameters(parameters, config.modulesToSave ?? []);
  const both = [...modules.keys()].find((module) => copies.has(`${module}.weight`));
  if (both !== undefined)
    throw new ModelError("bad-lora", `${both} is both a LoRA target and in modules_to_save`, "Keep one: a pair for it, or a whole copy.");
  return { config, modules, copies, dropout: config.dropout };
}

/** Whole copies of the named modules' parameters, under the names that PEFT gives them in the file. */
function copiedParameters(parameters: readonly ParameterSpec[], names: readonly string[]): ReadonlyMap<string, ParameterSpec> {
  const moduleOf = ({ name }: ParameterSpec): string => name.slice(0, name.lastIndexOf("."));
  const unmatched = names.find((name) => !parameters.some((parameter) => isModule(moduleOf(parameter), name)));
  if (unmatched !== undefined) {
    const close = closeNames(
      unmatched,
      parameters.map((parameter) => moduleOf(parameter).split(".").at(-1)!),
    );
    throw new ModelError(
      "bad-lora",
      `modules_to_save ${JSON.stringify(unmatched)} names no module of this model`,
      `Closest: ${close.join(", ")}. A head that is tied to the embeddings is no module of its own.`,
    );
  }
  const hasHead = parameters.some(({ kind }) => kind === "head");
  const copied = parameters.filter((parameter) => names.some((name) => isModule(moduleOf(parameter), name)));
  if (!hasHead && copied.some(({ kind }) => kind === "embedding")) {
    throw new ModelError(
      "bad-lora",
      "modules_to_save names embeddings that the output head is tied to: a copy would part them",
      "Put a LoRA pair on the embeddings, or train all weights.",
    );
  }
  return new Map(copied.map((parameter) => [parameter.name, { ...parameter, name: `base_model.model.${parameter.name}` }]));
}

/** All adapter parameters in the model's order: A, B, and the magnitude if there is one; then whole copies. */
export function adapterParameters(layout: AdapterLayout): readonly ParameterSpec[] {
  return [
    ...[...layout.modules.values()].flatMap(({ a, b, magnitude }) => (magnitude ? [a, b, magnitude] : [a, b])),
    ...layout.copies.values(),
  ];
}
