import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline } from "node:stream";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { DataError } from "./dataError.ts";

/** The pieces of a UTF-8 text file that is there, in order, without its byte-order mark. Throws `DataError`. */
export async function* textChunks(path: string, gzip: boolean): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let lines = 1;
  const decode = (bytes: Uint8Array | undefined): string => {
    try {
      return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
    } catch (error) {
      // A fatal decoder does not say where; the line is that of the chunk's first line which is not UTF-8 by itself.
      const line = lines + linesBeforeFault(bytes ?? new Uint8Array());
      const hint = "Save the file as UTF-8.";
      throw new DataError("bad-encoding", { path, line }, "these bytes are not UTF-8", hint, { cause: error });
    }
  };
  for await (const bytes of byteChunks(path, gzip)) {
    if (lines === 1 && bytes.length > 1 && (bytes[0] ^ bytes[1]) === 1 && bytes[0] >= 0xfe) {
      throw new DataError("bad-encoding", { path, line: 1 }, "the file is UTF-16", "Save the file as UTF-8.");
    }
    const text = decode(bytes);
    yield text;
    lines += text.split("\n").length - 1;
  }
  const rest = decode(undefined);
  if (rest !== "") yield rest;
}

/** Refuses a path that is not a file. */
export async function checkFile(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => {
    throw unreadable(error, path);
  });
  if (found.isFile()) return;
  const [what, hint] = found.isDirectory()
    ? ["a folder", "Give one of the files in it."]
    : ["a pipe or a device", "Write the rows to a file first: they are read more than once."];
  throw new DataError("not-a-file", { path }, `expected a file of rows, found ${what}`, hint);
}

/** A system error as one that names the file; other errors pass through. */
export function unreadable(error: unknown, path: string): unknown {
  const code = (error as { code?: unknown }).code;
  if (!(error instanceof Error) || error instanceof DataError || typeof code !== "string") return error;
  const cause = { cause: error };
  if (code === "ENOENT" || code === "ENOTDIR") {
    const hint = /[*?[{]/.test(path) ? "Name each file: patterns are not expanded." : "Check the path.";
    return new DataError("not-found", { path }, "there is no such file", hint, cause);
  }
  if (code.startsWith("Z_")) {
    const reason = code === "Z_BUF_ERROR" ? "the compressed data ends too early" : "this is not gzip data";
    return new DataError("bad-gzip", { path }, reason, "Fetch or compress the file again.", cause);
  }
  return new DataError("unreadable", { path }, `the file could not be read (${code})`, "Check that it may be read.", cause);
}

async function* byteChunks(path: string, gzip: boolean): AsyncGenerator<Uint8Array> {
  const file = createReadStream(path, { highWaterMark: 1 << 18 });
  // pipeline destroys both streams when either fails or the reader stops early; its errors arrive through the iteration.
  const stream: Readable = gzip ? pipeline(file, createGunzip(), () => undefined) : file;
  try {
    for await (const bytes of stream) yield bytes as Uint8Array;
  } catch (error) {
    throw unreadable(error, path);
  } finally {
    file.destroy();
  }
}

function linesBeforeFault(bytes: Uint8Array): number {
  let start = 0;
  for (let line = 0; ; line++) {
    const end = bytes.indexOf(0x0a, start);
    try {
      // The first line may begin in the middle of a character that the chunk before began.
      if (line > 0) new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(start, end === -1 ? undefined : end));
    } catch {
      return line;
    }
    if (end === -1) return 0;
    start = end + 1;
  }
}
