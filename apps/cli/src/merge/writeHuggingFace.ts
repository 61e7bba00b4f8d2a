import {
  float32ToBytes,
  isFloatDType,
  openAdapterFolder,
  openModelFolder,
  replaceFolder,
  writeModelFolder,
  type AdapterFolder,
  type ModelFolder,
  type TensorToWrite,
} from "@sft/checkpoint";
import { findFamily, mergedTensors, savedAdapterLayout, storedNames, underOurNames, type MergedTensors } from "@sft/model";
import { loadTokenizer } from "@sft/tokenizer/node";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { refuseOtherBase } from "../model/baseRecord.ts";
import { companionFiles } from "../model/companionFiles.ts";
import { generationConfigOf } from "../model/stopIds.ts";
import type { SavedDType } from "./dtypes.ts";

/** A base model with the adapter that is to be merged into it, both open and checked against each other. */
export interface MergeSource extends AsyncDisposable {
  readonly base: ModelFolder;
  readonly adapter: AdapterFolder | undefined;
  readonly weights: MergedTensors;
}

/** Opens both and refuses an adapter that does not fit. @throws CliError "other-base-model"; ModelError "adapter-mismatch" and others */
export async function openMergeSource(model: string, adapterPath: string | undefined, acceptOtherBase: boolean): Promise<MergeSource> {
  const base = await openModelFolder(model);
  let adapter: AdapterFolder | undefined;
  const close = async (): Promise<void> => {
    await adapter?.close();
    await base.close();
  };
  try {
    const family = findFamily(base.config);
    const parameters = family.parameters(family.readConfig(base.config));
    if (adapterPath !== undefined) adapter = await openAdapterFolder(adapterPath);
    const pairs = adapter && { layout: savedAdapterLayout(parameters, adapter), tensors: adapter.tensors };
    if (adapter && !acceptOtherBase) await refuseOtherBase(adapter.path, base);
    const tensors = underOurNames(base.tensors, storedNames(parameters, family, base.tensors));
    return { base, adapter, weights: mergedTensors(tensors, parameters, pairs), [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

export interface WriteOptions {
  readonly output: string;
  readonly dtype?: SavedDType | undefined;
  readonly maxShardBytes?: number | undefined;
  /** Looks at the finished folder before it takes its place; what it throws leaves nothing behind. */
  readonly check?: (folder: string) => Promise<void>;
}

/** Writes a Hugging Face folder tensor by tensor, with all that travels with the weights; it appears whole or not at all. */
export async function writeHuggingFace(
  { base, adapter, weights }: MergeSource,
  { output, dtype, maxShardBytes, check }: WriteOptions,
): Promise<void> {
  const tokenizer = existsSync(join(base.path, "tokenizer.json")) ? await loadTokenizer(base.path) : null;
  const generationConfig = await generationConfigOf(base, tokenizer, adapter?.path ?? base.path);
  const files = await companionFiles(base.path, adapter?.path);
  await replaceFolder(output, async (folder) => {
    await writeModelFolder(folder, {
      config: base.config,
      files,
      tensors: tensorsToWrite(weights, output),
      ...(generationConfig === undefined ? {} : { generationConfig }),
      ...(dtype === undefined ? {} : { dtype }),
      ...(maxShardBytes === undefined ? {} : { maxShardBytes }),
    });
    await check?.(folder);
  });
}

/** The type that the merged weights are rounded to: the one asked for, else the coarsest that the changed tensors are stored in. */
export function roundedDType(weights: MergedTensors, dtype: SavedDType | undefined): SavedDType {
  if (dtype !== undefined) return dtype;
  const stored = [...weights.tensors.values()].filter(({ name }) => weights.isChanged(name)).map((info) => info.dtype);
  return stored.includes("BF16") ? "BF16" : stored.includes("F16") ? "F16" : "F32";
}

function* tensorsToWrite(weights: MergedTensors, output: string): Generator<TensorToWrite> {
  for (const { name, dtype, shape } of weights.tensors.values()) {
    const changed = weights.isChanged(name) && isFloatDType(dtype);
    yield {
      name,
      dtype,
      shape,
      data: changed ? async () => float32ToBytes(await weights.readFloat32(name), dtype, name, output) : () => weights.read(name),
    };
  }
}
