/** What went wrong with a folder or with writing; the kebab-case names are stable. */
export type CheckpointErrorCode =
  | "not-found"
  | "not-a-folder"
  | "unreadable"
  | "no-config"
  | "bad-json"
  | "no-weights"
  | "pickle-weights"
  | "bad-index"
  | "missing-shard"
  | "unsafe-shard-name"
  | "unsafe-file-name"
  | "bad-adapter-config"
  | "missing-tensor"
  | "duplicate-name"
  | "closed"
  | "disk-full"
  | "not-writable"
  | "write-failed";

/** Everything that this package refuses. `SafetensorsError` is the one for the inside of a tensor file. */
export class CheckpointError extends Error {
  override readonly name: string = "CheckpointError";
  readonly code: string;
  /** The file or folder that is at fault. */
  readonly path: string;
  /** What to do about it. */
  readonly hint: string;

  constructor(code: string, path: string, message: string, hint: string, options?: { cause?: unknown }) {
    super(`${message}\n  ${hint}`, options);
    this.code = code;
    this.path = path;
    this.hint = hint;
  }
}

/** The `code` of a Node system error ("ENOENT"), or undefined. */
export function systemCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return error instanceof Error && !(error instanceof CheckpointError) && typeof code === "string" ? code : undefined;
}

/** A read that the operating system refused, as an error that names the path. Other errors pass through. */
export function readFailure(error: unknown, path: string): unknown {
  const code = systemCode(error);
  if (code === undefined) return error;
  if (code === "ENOENT" || code === "ENOTDIR") {
    return new CheckpointError("not-found", path, `expected ${path} to exist; nothing is there`, "Check the path.", {
      cause: error,
    });
  }
  return new CheckpointError("unreadable", path, `could not read ${path} (${code})`, "Check that it is a file and may be read.", {
    cause: error,
  });
}

/** A write that the operating system refused, as an error that names the path. Other errors pass through. */
export function writeFailure(error: unknown, path: string): unknown {
  const code = systemCode(error);
  if (code === undefined) return error;
  const cause = { cause: error };
  if (code === "ENOSPC" || code === "EDQUOT") {
    const hint = "Free some space or choose another disk, then save again. What was there before is untouched.";
    return new CheckpointError("disk-full", path, `no space left while writing ${path} (${code})`, hint, cause);
  }
  if (code === "EACCES" || code === "EPERM" || code === "EROFS" || code === "ENOTDIR" || code === "ENOENT" || code === "EEXIST") {
    const hint = "Check that every part of the path before the last is a folder, and that it may be written.";
    return new CheckpointError("not-writable", path, `could not write ${path} (${code})`, hint, cause);
  }
  const hint = "What was there before is untouched.";
  return new CheckpointError("write-failed", path, `could not write ${path} (${code})`, hint, cause);
}
