import { copyFile, lstat, rm, stat, symlink } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { makeFolder, writeFileAtomic } from "@sft/checkpoint";
import { CliError, usageError } from "../failure/cliError.ts";
import { fetchBlob } from "./fetchBlob.ts";
import { refusedBy } from "./refusedBy.ts";
import { filesToFetch, type RepositoryFile } from "./repositoryFile.ts";

export interface DownloadRequest {
  /** organisation/model */
  readonly repository: string;
  readonly revision: string;
  readonly token: string | undefined;
  /** The hub's address; undefined for the client's default. */
  readonly hubUrl: string | undefined;
  /** Default: where Hugging Face's tools keep their cache, by the same environment variables. */
  readonly cacheDir: string | undefined;
  /** Also weights in other forms than safetensors. */
  readonly everything: boolean;
  readonly onFile?: (file: RepositoryFile, isThere: boolean) => void;
}

export interface Downloaded {
  /** The snapshot folder: a model folder. */
  readonly folder: string;
  readonly commit: string;
  readonly files: number;
  readonly bytes: number;
}

/**
 * Brings a repository into the hub's cache: `models--org--name/{refs,blobs,snapshots/<commit>}`, which Python's tools share.
 * Files that are there already are not fetched again, and broken transfers go on where they stopped.
 * @throws CliError "download-failed", "bad-flag"
 */
export async function downloadRepository(request: DownloadRequest): Promise<Downloaded> {
  const { repository, revision, token, everything, onFile } = request;
  if (!/^[\w-][\w.-]*(\/[\w-][\w.-]*)?$/.test(repository) || /(^|\/)\.\.?(\/|$)/.test(revision) || /[\\\0]/.test(revision)) {
    throw usageError(
      "bad-flag",
      `Expected a repository organisation/model and a branch, tag or commit, got ${JSON.stringify(repository)} at ${JSON.stringify(revision)}.`,
      "For example: sft download HuggingFaceTB/SmolLM2-135M",
    );
  }
  const hub = await import("@huggingface/hub");
  const address = {
    ...(request.hubUrl === undefined ? {} : { hubUrl: request.hubUrl }),
    ...(token === undefined ? {} : { accessToken: token }),
  };
  const { commit, files } = await asked(repository, async () => {
    const { sha } = await hub.modelInfo({ name: repository, revision, additionalFields: ["sha"], ...address });
    const entries = [];
    for await (const entry of hub.listFiles({ repo: repository, revision: sha, recursive: true, ...address })) entries.push(entry);
    return { commit: sha, files: filesToFetch(entries, everything) };
  });
  if (!/^[0-9a-f]{40}$/.test(commit))
    throw new CliError(
      "download-failed",
      `The hub named no commit for ${repository} at ${revision}, but ${JSON.stringify(commit)}.`,
      "Check --revision.",
    );
  const storage = join(request.cacheDir ?? hub.getHFHubCachePath(), hub.getRepoFolderName({ type: "model", name: repository }));
  const folder = join(storage, "snapshots", commit);
  for (const file of files) {
    const blob = join(storage, "blobs", file.blob);
    const isThere = await exists(blob);
    onFile?.(file, isThere);
    await makeFolder(dirname(blob));
    if (!isThere) {
      const url = `${request.hubUrl ?? hub.HUB_URL}/${repository}/resolve/${commit}/${file.path.split("/").map(encodeURIComponent).join("/")}`;
      await fetchBlob({ url, token, file, path: blob });
    }
    await point(join(folder, file.path), blob);
  }
  // Last, so that a name never stands for a snapshot that is not whole.
  if (revision !== commit) {
    const ref = join(storage, "refs", revision);
    await makeFolder(dirname(ref));
    await writeFileAtomic(ref, commit);
  }
  return { folder, commit, files: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0) };
}

/** Puts the file's place in the snapshot: a relative link, or a copy where the system has no links. */
async function point(place: string, blob: string): Promise<void> {
  if (await exists(place)) return;
  await makeFolder(dirname(place));
  if (
    await lstat(place).then(
      () => true,
      () => false,
    )
  )
    await rm(place);
  try {
    await symlink(relative(dirname(place), blob), place);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") throw error;
    await copyFile(blob, place);
  }
}

/** Says in words what the hub's client throws. */
async function asked<T>(repository: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof CliError) throw error;
    const { statusCode, message, cause } = error as {
      readonly statusCode?: number;
      readonly message: string;
      readonly cause?: { readonly code?: string };
    };
    if (statusCode !== undefined) throw refusedBy(statusCode, repository);
    throw new CliError(
      "download-failed",
      `The hub could not be asked for ${repository}: ${cause?.code ?? message}.`,
      /access token/.test(message) ? "Check HF_TOKEN or --token." : "Check the network and HF_ENDPOINT.",
      { cause: error },
    );
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
