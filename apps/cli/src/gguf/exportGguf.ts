import { q8BlockLength, writeGguf, type GgufTensor, type GgufTensorType, type GgufValue } from "@sft/checkpoint";
import { findFamily, ModelError, type ModelConfig, type ParameterSpec } from "@sft/model";
import { basename } from "node:path";
import type { MergeSource } from "../merge/writeHuggingFace.ts";
import { notExportable } from "./exportError.ts";
import { modelMetadata } from "./modelMetadata.ts";
import { ggufArchitectures, ggufTensorName, pairNeighbours, type GgufArchitecture } from "./tensorNames.ts";
import { tokenizerMetadata } from "./tokenizerMetadata.ts";

export interface ExportReport {
  readonly architecture: string;
  readonly tensors: number;
  readonly warnings: readonly string[];
}

/** `general.file_type` of llama.h. */
const fileTypes: Readonly<Record<GgufTensorType, number>> = { F32: 0, F16: 1, Q8_0: 7 };

/**
 * Writes a model, with an adapter merged in where there is one, as a GGUF file that llama.cpp reads. Matrices are stored in
 * `type`; vectors stay F32, as there. One tensor is in memory at a time.
 * @throws CliError "not-exportable" for a family or a setting that GGUF has no place for
 */
export async function exportGguf(
  { base, adapter, weights }: MergeSource,
  path: string,
  type: GgufTensorType,
  preTokenizer?: string,
): Promise<ExportReport> {
  const family = findFamily(base.config);
  const architecture = ggufArchitectures[family.modelType];
  if (!architecture)
    throw notExportable(`its family is ${family.modelType}`, `Families that are exported: ${Object.keys(ggufArchitectures).join(", ")}.`);
  const config = family.readConfig(base.config);
  const model = modelMetadata(config, architecture);
  const tokenizer = await tokenizerMetadata({
    folder: base.path,
    trained: adapter?.path ?? base.path,
    rows: config.vocabSize,
    preTokenizer,
  });
  const warnings = [...model.warnings, ...tokenizer.warnings];
  const tensors = family.parameters(config).map((parameter): GgufTensor => {
    const found = weights.tensors.get(parameter.name);
    if (found?.shape.join() !== parameter.shape.join()) {
      throw new ModelError(
        found ? "wrong-shape" : "missing-tensor",
        `${base.path}: expected the tensor ${parameter.name} [${parameter.shape.join(", ")}], found ${found ? `[${found.shape.join(", ")}]` : "none"}`,
      );
    }
    return toGguf(parameter, config, architecture, type, () => weights.readFloat32(parameter.name));
  });
  const halved = type === "Q8_0" ? tensors.filter((tensor) => tensor.type === "F16").map(({ name }) => name) : [];
  if (halved.length > 0)
    warnings.push(
      `${halved.length} tensors have rows that are no multiple of ${q8BlockLength} and are stored as F16: ${halved.slice(0, 3).join(", ")}`,
    );
  const general: Record<string, GgufValue> = {
    "general.architecture": { type: "string", value: architecture.name },
    "general.type": { type: "string", value: "model" },
    "general.name": { type: "string", value: basename(base.path) },
    "general.file_type": { type: "u32", value: fileTypes[type] },
    "general.quantization_version": { type: "u32", value: 2 },
  };
  const all = [...tensors, ...model.extraTensors];
  await writeGguf(path, { metadata: { ...general, ...model.metadata, ...tokenizer.metadata }, tensors: all });
  return { architecture: architecture.name, tensors: all.length, warnings };
}

function toGguf(
  { name, shape, kind }: ParameterSpec,
  config: ModelConfig,
  architecture: GgufArchitecture,
  type: GgufTensorType,
  read: () => Promise<Float32Array>,
): GgufTensor {
  const ownName = ggufTensorName(name, architecture);
  if (ownName === undefined) throw notExportable(`GGUF has no name for the tensor ${name}`, "Use the Hugging Face format.");
  const isReordered = architecture.pairsNeighbours && /\.[qk]_proj\./.test(name);
  const data = async (): Promise<Float32Array> => {
    const values = await read();
    if (kind === "norm" && architecture.normOffset !== 0) return values.map((value) => value + architecture.normOffset);
    return isReordered ? pairNeighbours(values, shape[0]!, config.headDim) : values;
  };
  return { name: ownName, shape, type: typeFor(shape, type), data };
}

function typeFor(shape: readonly number[], type: GgufTensorType): GgufTensorType {
  if (shape.length === 1) return "F32";
  return type === "Q8_0" && shape.at(-1)! % q8BlockLength !== 0 ? "F16" : type;
}
