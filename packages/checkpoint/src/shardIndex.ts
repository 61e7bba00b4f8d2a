import { isPlainFileName } from "./atomicFolder.ts";
import { CheckpointError } from "./checkpointError.ts";
import { readJsonObject } from "./jsonFile.ts";

/** Reads `model.safetensors.index.json`: `{metadata, weight_map: {tensor: shard file}}`. Returns tensor -> shard file. */
export async function readShardIndex(path: string): Promise<Map<string, string>> {
  const { weight_map: map } = await readJsonObject(path);
  if (typeof map !== "object" || map === null || Array.isArray(map) || Object.keys(map).length === 0) {
    const message = `${path}: expected "weight_map" to name the file of every tensor`;
    throw new CheckpointError("bad-index", path, message, "Fetch the index again.");
  }
  const shards = new Map<string, string>();
  for (const [tensor, shard] of Object.entries(map as Record<string, unknown>)) {
    if (typeof shard !== "string") {
      const message = `${path}: expected the file name of tensor "${tensor}", found ${JSON.stringify(shard)}`;
      throw new CheckpointError("bad-index", path, message, "Fetch the index again.");
    }
    if (!isPlainFileName(shard)) {
      const message = `${path}: the file name of tensor "${tensor}", ${JSON.stringify(shard)}, leads out of the folder`;
      const hint = "Do not use this folder unless you trust where it came from; shards lie beside their index.";
      throw new CheckpointError("unsafe-shard-name", path, message, hint);
    }
    shards.set(tensor, shard);
  }
  return shards;
}

/** Name of shard `index` (from 0) of `count`, as transformers numbers them. */
export function shardName(index: number, count: number): string {
  const padded = (value: number): string => String(value).padStart(5, "0");
  return count === 1 ? "model.safetensors" : `model-${padded(index + 1)}-of-${padded(count)}.safetensors`;
}

/** The content of an index file. */
export function makeShardIndex(shards: readonly (readonly { name: string; byteLength: number }[])[]): unknown {
  let totalSize = 0;
  const map: [string, string][] = [];
  for (const [index, shard] of shards.entries()) {
    for (const { name, byteLength } of shard) {
      totalSize += byteLength;
      map.push([name, shardName(index, shards.length)]);
    }
  }
  map.sort(([a], [b]) => (a < b ? -1 : 1));
  return { metadata: { total_size: totalSize }, weight_map: Object.fromEntries(map) };
}
