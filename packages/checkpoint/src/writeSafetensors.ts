import { streamFileAtomic } from "./atomicFile.ts";
import { SafetensorsError } from "./safetensorsError.ts";
import { byteLengthOf, checkName, maxHeaderBytes, prefixBytes } from "./safetensorsHeader.ts";
import { dtypesInFileOrder } from "./tensorDType.ts";
import type { TensorsToWrite, TensorToWrite } from "./tensorSource.ts";

export interface WriteSafetensorsOptions {
  /** Becomes `__metadata__`. Default `{ format: "pt" }`, which transformers wants to see. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes a safetensors file, byte for byte as the reference writer does: wide types first, then by name.
 * Only names, types and shapes are held; give `data` as functions and one tensor at a time is in memory.
 * The file appears under its name only when it is complete and on the disk.
 * Throws `SafetensorsError` for a bad tensor and `CheckpointError` ("disk-full" and others) for a failed write.
 */
export async function writeSafetensors(
  path: string,
  tensors: TensorsToWrite,
  { metadata = { format: "pt" } }: WriteSafetensorsOptions = {},
): Promise<void> {
  const ordered = await inFileOrder(tensors, path);
  const header = encodeHeader(ordered, metadata, path);
  await streamFileAtomic(path, async (write) => {
    await write(header);
    for (const tensor of ordered) {
      const view = typeof tensor.data === "function" ? await tensor.data() : tensor.data;
      const expected = byteLengthOf(tensor.name, tensor.dtype, tensor.shape, path);
      if (view.byteLength !== expected) {
        const message = `${tensor.dtype} [${tensor.shape.join(", ")}] takes ${expected} bytes; its data has ${view.byteLength}`;
        const hint = "Give the elements in the type that is named, all of them.";
        throw new SafetensorsError("wrong-length", path, tensor.name, message, hint);
      }
      await write(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
    }
  });
}

async function inFileOrder(tensors: TensorsToWrite, file: string): Promise<TensorToWrite[]> {
  const byName = new Map<string, TensorToWrite>();
  for await (const tensor of tensors) {
    checkName(tensor.name, file);
    if (byName.has(tensor.name)) {
      const hint = "Give every tensor a name of its own.";
      throw new SafetensorsError("duplicate-name", file, tensor.name, "two tensors have this name", hint);
    }
    if (!dtypesInFileOrder.includes(tensor.dtype)) {
      const hint = `Known types: ${dtypesInFileOrder.join(", ")}.`;
      throw new SafetensorsError("unknown-dtype", file, tensor.name, `expected a dtype, found ${tensor.dtype}`, hint);
    }
    byName.set(tensor.name, tensor);
  }
  const sortable = [...byName.values()].map((tensor) => ({
    tensor,
    width: dtypesInFileOrder.indexOf(tensor.dtype),
    name: Buffer.from(tensor.name),
  }));
  // Names are ordered by their UTF-8 bytes, which differs from JavaScript's order beyond U+FFFF.
  sortable.sort((a, b) => a.width - b.width || Buffer.compare(a.name, b.name));
  return sortable.map(({ tensor }) => tensor);
}

function encodeHeader(tensors: readonly TensorToWrite[], metadata: Readonly<Record<string, string>>, file: string): Uint8Array {
  const entries: string[] = [];
  if (Object.keys(metadata).length > 0) entries.push(`"__metadata__":${JSON.stringify(metadata)}`);
  let start = 0;
  for (const { name, dtype, shape } of tensors) {
    const end = start + byteLengthOf(name, dtype, shape, file);
    entries.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [start, end] })}`);
    start = end;
  }
  const json = new TextEncoder().encode(`{${entries.join(",")}}`);
  const length = Math.ceil(json.length / 8) * 8;
  if (length > maxHeaderBytes) {
    const message = `the header would take ${length} bytes; the format allows ${maxHeaderBytes}`;
    throw new SafetensorsError("header-too-large", file, undefined, message, "Split the tensors over several files.");
  }
  const bytes = new Uint8Array(prefixBytes + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, prefixBytes);
  return bytes;
}
