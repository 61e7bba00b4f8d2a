import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, rename, rm, stat } from "node:fs/promises";
import { CliError } from "../failure/cliError.ts";
import { refusedBy } from "./refusedBy.ts";
import type { RepositoryFile } from "./repositoryFile.ts";

export interface BlobRequest {
  readonly url: string;
  readonly token: string | undefined;
  readonly file: RepositoryFile;
  /** Where the whole file comes to lie; what has come of it so far lies beside it as `<path>.incomplete`. */
  readonly path: string;
  readonly onBytes?: (count: number) => void;
}

/** Times that a transfer may break off without bringing anything new. */
const fruitlessLimit = 3;

/**
 * Fetches one file, from where an earlier transfer broke off, and proves it by its hash.
 * @throws CliError "download-failed"
 */
export async function fetchBlob(request: BlobRequest): Promise<void> {
  const { file, path } = request;
  const incomplete = `${path}.incomplete`;
  for (let fruitless = 0; ;) {
    const before = await sizeOf(incomplete);
    if (before >= file.size) break;
    try {
      await transfer(request, incomplete, before);
    } catch (error) {
      if (error instanceof CliError) throw error;
      fruitless = (await sizeOf(incomplete)) > before ? 0 : fruitless + 1;
      if (fruitless < fruitlessLimit) continue;
      throw new CliError(
        "download-failed",
        `The transfer of ${file.path} broke off ${fruitlessLimit} times (${causeOf(error)}); ${await sizeOf(incomplete)} of ${file.size} bytes are here.`,
        "Run the same command again: it goes on from there.",
        { cause: error },
      );
    }
  }
  await proveHash(incomplete, file);
  await rename(incomplete, path);
}

async function transfer({ url, token, file, onBytes }: BlobRequest, incomplete: string, start: number): Promise<void> {
  const response = await fetch(url, {
    headers: { ...(start > 0 ? { Range: `bytes=${start}-` } : {}), ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }) },
  });
  if (!response.ok || response.body === null) throw refusedBy(response.status, file.path);
  // A server that knows no ranges sends all of it again.
  const goesOn = response.status === 206;
  const handle = await open(incomplete, goesOn ? "a" : "w");
  try {
    for await (const chunk of response.body) {
      let written = 0;
      while (written < chunk.byteLength) written += (await handle.write(chunk, written)).bytesWritten;
      onBytes?.(chunk.byteLength);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  const size = await sizeOf(incomplete);
  if (size < file.size) throw new Error(`the connection ended at ${size} of ${file.size} bytes`);
}

async function proveHash(path: string, { path: name, size, blob }: RepositoryFile): Promise<void> {
  const hash: Hash = blob.length === 64 ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`);
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  const found = hash.digest("hex");
  if (found === blob) return;
  await rm(path, { force: true });
  throw new CliError(
    "download-failed",
    `${name} did not come as it is listed: expected the hash ${blob.slice(0, 12)}, found ${found.slice(0, 12)}. It was removed.`,
    "Run the same command again.",
  );
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

function causeOf(error: unknown): string {
  const { message, cause } = error as { readonly message?: string; readonly cause?: { readonly code?: string } };
  return cause?.code ?? message ?? String(error);
}
