import { join } from "node:path";
import { CheckpointError } from "./checkpointError.ts";
import { openSafetensors } from "./openSafetensors.ts";
import type { SafetensorsFile } from "./openSafetensors.ts";
import { SafetensorsError } from "./safetensorsError.ts";
import { readShardIndex } from "./shardIndex.ts";
import type { TensorInfo, TensorSource } from "./tensorSource.ts";

/**
 * Opens all shards that an index names, as one source. A tensor that lies in several shards is read from the one that
 * the index names; one that the index forgot is read all the same, as transformers does.
 */
export async function openShardedTensors(folder: string, indexName: string): Promise<TensorSource> {
  const indexPath = join(folder, indexName);
  const index = await readShardIndex(indexPath);
  const shards = new Map<string, SafetensorsFile>();
  const close = async (): Promise<void> => {
    for (const shard of shards.values()) await shard.close();
  };
  try {
    for (const name of [...new Set(index.values())].sort()) shards.set(name, await openShard(folder, name, indexPath));
    return mergeShards(index, shards, indexPath, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function openShard(folder: string, name: string, indexPath: string): Promise<SafetensorsFile> {
  try {
    return await openSafetensors(join(folder, name));
  } catch (error) {
    if (!(error instanceof CheckpointError) || error.code !== "not-found") throw error;
    const message = `${indexPath} names the shard ${name}, which is not in the folder`;
    throw new CheckpointError("missing-shard", indexPath, message, "Fetch the missing file.", { cause: error });
  }
}

function mergeShards(
  index: ReadonlyMap<string, string>,
  shards: ReadonlyMap<string, SafetensorsFile>,
  indexPath: string,
  close: () => Promise<void>,
): TensorSource {
  const homes = new Map<string, SafetensorsFile>();
  const tensors = new Map<string, TensorInfo>();
  for (const shard of shards.values()) {
    for (const [name, info] of shard.tensors) {
      const wanted = index.get(name);
      if (wanted === undefined && homes.has(name)) {
        const message = `tensor "${name}" lies in two shards, and the index names neither`;
        throw new CheckpointError("bad-index", indexPath, `${indexPath}: ${message}`, "Fetch the index again.");
      }
      if (wanted !== undefined && shards.get(wanted) !== shard) continue;
      homes.set(name, shard);
      tensors.set(name, info);
    }
  }
  for (const [name, shard] of index) {
    if (homes.has(name)) continue;
    const message = `${indexPath}: tensor "${name}" is said to lie in ${shard}, which does not hold it`;
    throw new CheckpointError("bad-index", indexPath, message, "Fetch the index and its shards again, all of one version.");
  }

  function home(name: string): SafetensorsFile {
    const file = homes.get(name);
    if (file !== undefined) return file;
    const hint = `The shards hold ${tensors.size} tensors; list them with .tensors.keys().`;
    throw new SafetensorsError("missing-tensor", indexPath, name, "there is no such tensor", hint);
  }

  return {
    tensors,
    read: async (name) => home(name).read(name),
    readRange: async (name, byteStart, byteEnd) => home(name).readRange(name, byteStart, byteEnd),
    readFloat32: async (name) => home(name).readFloat32(name),
    readInt32: async (name) => home(name).readInt32(name),
    close,
    [Symbol.asyncDispose]: close,
  };
}
