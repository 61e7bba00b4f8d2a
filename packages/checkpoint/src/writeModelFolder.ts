import { join } from "node:path";
import { writeFileAtomic } from "./atomicFile.ts";
import { addToFolder, isPlainFileName } from "./atomicFolder.ts";
import { CheckpointError } from "./checkpointError.ts";
import { bytesToFloat32, float32ToBytes } from "./convertTensor.ts";
import { formatJson } from "./jsonFile.ts";
import { byteLengthOf } from "./safetensorsHeader.ts";
import { makeShardIndex, shardName } from "./shardIndex.ts";
import { isFloatDType } from "./tensorDType.ts";
import type { FloatDType } from "./tensorDType.ts";
import type { TensorsToWrite, TensorToWrite } from "./tensorSource.ts";
import { writeSafetensors } from "./writeSafetensors.ts";

export interface ModelFolderContent {
  /** Becomes `config.json`. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Becomes `generation_config.json`. */
  readonly generationConfig?: Readonly<Record<string, unknown>>;
  /** Further files by name: `tokenizer.json`, `chat_template.jinja` and the like. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  readonly tensors: TensorsToWrite;
  /** No shard is larger, except one that holds a single larger tensor. Default 5e9, as transformers 4. */
  readonly maxShardBytes?: number;
  /** Store all floating-point tensors in this type, and say so in `config.json`; integers stay. Default: as given. */
  readonly dtype?: Exclude<FloatDType, "F64">;
}

const torchNames = { F32: "float32", F16: "float16", BF16: "bfloat16" } as const;

/**
 * Writes a Hugging Face model folder. Files of an existing folder stay, save the weights that the new ones replace.
 * Nothing appears in the folder before all of it is written; give `data` as functions and one tensor at a time is in
 * memory. Throws `SafetensorsError` for a bad tensor, `CheckpointError` for a failed write or an unsafe file name.
 */
export async function writeModelFolder(
  folder: string,
  { config, generationConfig, files = {}, tensors, maxShardBytes = 5e9, dtype }: ModelFolderContent,
): Promise<void> {
  checkFileNames(folder, files);
  await addToFolder(
    folder,
    async (staging) => {
      const shards = await splitIntoShards(tensors, maxShardBytes, dtype, folder);
      for (const [index, shard] of shards.entries()) {
        await writeSafetensors(join(staging, shardName(index, shards.length)), shard);
      }
      if (shards.length > 1) {
        await writeFileAtomic(join(staging, "model.safetensors.index.json"), formatJson(makeShardIndex(shards)));
      }
      for (const [name, content] of Object.entries(files)) await writeFileAtomic(join(staging, name), content);
      if (generationConfig !== undefined) {
        await writeFileAtomic(join(staging, "generation_config.json"), formatJson(generationConfig));
      }
      await writeFileAtomic(join(staging, "config.json"), formatJson(withDType(config, dtype)));
    },
    (name) => /^model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?$/.test(name),
  );
}

/** Refuses extra files whose names would leave the folder. */
export function checkFileNames(folder: string, files: Readonly<Record<string, unknown>>): void {
  const unsafe = Object.keys(files).find((name) => !isPlainFileName(name));
  if (unsafe === undefined) return;
  const message = `the file name ${JSON.stringify(unsafe)} leads out of ${folder}`;
  throw new CheckpointError("unsafe-file-name", folder, message, "Give plain file names.");
}

type SizedTensor = TensorToWrite & { readonly byteLength: number };

async function splitIntoShards(
  tensors: TensorsToWrite,
  maxShardBytes: number,
  dtype: FloatDType | undefined,
  folder: string,
): Promise<SizedTensor[][]> {
  const shards: SizedTensor[][] = [[]];
  const seen = new Set<string>();
  let shardBytes = 0;
  for await (const given of tensors) {
    if (seen.has(given.name)) {
      const message = `two tensors are named "${given.name}"`;
      throw new CheckpointError("duplicate-name", folder, message, "Give every tensor a name of its own.");
    }
    seen.add(given.name);
    const tensor = dtype === undefined ? given : convertTensor(given, dtype, folder);
    const byteLength = byteLengthOf(tensor.name, tensor.dtype, tensor.shape, folder);
    if (shardBytes > 0 && shardBytes + byteLength > maxShardBytes) {
      shards.push([]);
      shardBytes = 0;
    }
    shards.at(-1)!.push({ ...tensor, byteLength });
    shardBytes += byteLength;
  }
  return shards;
}

function convertTensor(tensor: TensorToWrite, dtype: FloatDType, file: string): TensorToWrite {
  if (tensor.dtype === dtype || !isFloatDType(tensor.dtype)) return tensor;
  const { name, shape, data } = tensor;
  const fetch = async (): Promise<ArrayBufferView> => {
    const view = typeof data === "function" ? await data() : data;
    // A copy, because a view may begin at an offset that 32-bit elements cannot.
    const bytes = new Uint8Array(view.byteLength);
    bytes.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
    const byteLength = byteLengthOf(name, tensor.dtype, shape, file);
    if (bytes.byteLength !== byteLength) return bytes;
    return float32ToBytes(bytesToFloat32({ name, dtype: tensor.dtype, shape, byteLength }, bytes, file), dtype, name, file);
  };
  return { name, dtype, shape, data: fetch };
}

/** transformers 5 calls the field `dtype`, 4 calls it `torch_dtype`; a config that has either keeps its own. */
function withDType(config: Readonly<Record<string, unknown>>, dtype: keyof typeof torchNames | undefined): Record<string, unknown> {
  if (dtype === undefined) return config;
  const field = "torch_dtype" in config ? "torch_dtype" : "dtype";
  return { ...config, [field]: torchNames[dtype] };
}
