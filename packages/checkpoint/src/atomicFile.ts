import { randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { writeFailure } from "./checkpointError.ts";

/** Writes all of `data`, however many system calls that takes. */
export type WriteAll = (data: Uint8Array) => Promise<void>;

/** A name beside `path` that nothing else uses; leftovers of a crash are easy to recognise by it. */
export function temporaryName(path: string): string {
  return `${path}.${process.pid}-${randomBytes(4).toString("hex")}.tmp`;
}

/**
 * Writes a file so that a reader sees either all of it or what was there before: a temporary name beside it,
 * fsync, rename. Throws `CheckpointError` ("disk-full", "not-writable", "write-failed"), leaving nothing behind.
 */
export async function writeFileAtomic(path: string, data: string | Uint8Array): Promise<void> {
  await streamFileAtomic(path, (write) => write(typeof data === "string" ? new TextEncoder().encode(data) : data));
}

/** {@link writeFileAtomic} for content that comes in pieces: `produce` writes them in order. */
export async function streamFileAtomic(path: string, produce: (write: WriteAll) => Promise<void>): Promise<void> {
  const temporary = temporaryName(path);
  let handle: FileHandle | undefined;
  try {
    handle = await open(temporary, "wx");
    await produce((data) => writeAll(handle!, data));
    await handle.sync();
    await handle.close();
    handle = undefined;
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await handle?.close().catch(() => undefined);
    await rm(temporary, { force: true }).catch(() => undefined);
    throw writeFailure(error, path);
  }
}

/** Makes a rename inside `folder` survive a power cut. Windows cannot open folders and needs no such call. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const largestWrite = 1 << 30;

async function writeAll(handle: FileHandle, data: Uint8Array): Promise<void> {
  let done = 0;
  while (done < data.byteLength) {
    const { bytesWritten } = await handle.write(data, done, Math.min(largestWrite, data.byteLength - done), null);
    done += bytesWritten;
  }
}
