import { CliError } from "../failure/cliError.ts";

/** A file of a repository, as the hub lists it. */
export interface RepositoryFile {
  readonly path: string;
  readonly size: number;
  /** Name of its content in the cache: SHA-256 of a large file, git's SHA-1 of a small one. */
  readonly blob: string;
}

/** What a listing says of one entry. */
export interface ListedEntry {
  readonly type: string;
  readonly path: string;
  readonly size: number;
  readonly oid?: string;
  readonly lfs?: { readonly oid: string };
}

/** Weights in other forms than safetensors, which nothing here reads. */
const otherWeights = /\.(bin|pt|pth|ckpt|h5|msgpack|onnx|onnx_data|gguf|tflite|mlmodel|pkl|ot)$|^(original|onnx|coreml|openvino)\//;

/** The files to fetch: all, or all but weights that are not safetensors. @throws CliError "download-failed" for a name that would leave the cache */
export function filesToFetch(entries: readonly ListedEntry[], everything: boolean): RepositoryFile[] {
  return entries.flatMap(({ type, path, size, oid, lfs }) => {
    if (type !== "file" || (!everything && otherWeights.test(path))) return [];
    const blob = lfs?.oid ?? oid ?? "";
    if (!isSafePath(path) || !/^[0-9a-f]{40,64}$/.test(blob)) {
      throw new CliError(
        "download-failed",
        `The repository lists a file ${JSON.stringify(path)} (${blob}) whose name or hash leads out of the cache.`,
        "Do not use this repository unless you trust where it came from.",
      );
    }
    return [{ path, size, blob }];
  });
}

/** Whether a path stays below the folder that it is put into, on any system. */
function isSafePath(path: string): boolean {
  return !/[\\:\0]/.test(path) && path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}
