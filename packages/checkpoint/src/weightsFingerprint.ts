import { createHash } from "node:crypto";
import type { TensorSource } from "./tensorSource.ts";

/** Blocks that are read of one tensor, spread evenly over it, and the bytes of each: 64 KiB a tensor at most. */
const blocks = 16;
const blockBytes = 4096;

/**
 * A hash that tells one model's weights from another's: SHA-256 in hex over the name, type, shape and sample blocks of every
 * tensor in order of name. The same however the tensors are sharded; another type of the same values has another hash. It
 * reads a small part of a large model, so it finds a mix-up, not a forgery.
 */
export async function weightsFingerprint(source: TensorSource): Promise<string> {
  const hash = createHash("sha256");
  const inOrder = [...source.tensors.values()].sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  for (const { name, dtype, shape, byteLength } of inOrder) {
    hash.update(`${JSON.stringify([name, dtype, shape])}\n`);
    for (const start of blockStarts(byteLength)) {
      hash.update(await source.readRange(name, start, Math.min(start + blockBytes, byteLength)));
    }
  }
  return hash.digest("hex");
}

/** Where the sample blocks begin; small tensors are covered whole. */
function blockStarts(byteLength: number): number[] {
  if (byteLength <= blocks * blockBytes)
    return Array.from({ length: Math.ceil(byteLength / blockBytes) }, (_, index) => index * blockBytes);
  const last = byteLength - blockBytes;
  return Array.from({ length: blocks }, (_, index) => Math.floor((last * index) / (blocks - 1)));
}
