import { openModelFolder } from "@sft/checkpoint";
import { readFile, readdir, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { goldenModelPath } from "@sft/golden";
import { startLoopbackHub, type LoopbackHub } from "../testing/loopbackHub.ts";
import { runSft } from "../testing/runSft.ts";
import { testFolder } from "../testing/testFolder.ts";
import { downloadRepository, type DownloadRequest } from "./downloadRepository.ts";
import { hubTokenOf, hubUrlOf } from "./hubSettings.ts";
import { filesToFetch } from "./repositoryFile.ts";

const repository = "org/tiny";
const llama = goldenModelPath("llama");

async function llamaFiles(): Promise<Record<string, Uint8Array>> {
  return {
    "config.json": await readFile(join(llama, "config.json")),
    "model.safetensors": await readFile(join(llama, "model.safetensors")),
    "extra/notes.txt": Buffer.from("notes"),
    "pytorch_model.bin": Buffer.from("pickle"),
  };
}

function requestFor(hub: LoopbackHub, cacheDir: string): DownloadRequest {
  return { repository, revision: "main", token: undefined, hubUrl: hub.url, cacheDir, everything: false };
}

describe("downloading", () => {
  test("lays the cache out as Python's tools do, leaves pickles out, and fetches nothing twice", async () => {
    await using hub = await startLoopbackHub({ repository, files: await llamaFiles() });
    const cache = await testFolder();
    const { folder, commit, files } = await downloadRepository(requestFor(hub, cache));
    expect([commit, files]).toEqual([hub.commit, 3]);
    const storage = join(cache, "models--org--tiny");
    expect(folder).toBe(join(storage, "snapshots", hub.commit));
    expect(await readFile(join(storage, "refs/main"), "utf8")).toBe(hub.commit);
    expect(await readlink(join(folder, "model.safetensors"))).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/);
    expect(await readlink(join(folder, "extra/notes.txt"))).toMatch(/^\.\.\/\.\.\/\.\.\/blobs\/[0-9a-f]{40}$/);
    expect((await readdir(folder)).sort()).toEqual(["config.json", "extra", "model.safetensors"]);
    await using model = await openModelFolder(folder);
    expect(model.tensors.tensors.size).toBe(21);

    const before = hub.requests.length;
    await downloadRepository(requestFor(hub, cache));
    expect(hub.requests.slice(before).filter(({ path }) => path.includes("/resolve/"))).toEqual([]);
  });

  test("a transfer that breaks off goes on from where it stopped", async () => {
    const files = await llamaFiles();
    await using hub = await startLoopbackHub({ repository, files });
    hub.breakOff("model.safetensors", 100_000, 2);
    const { folder } = await downloadRepository(requestFor(hub, await testFolder()));
    expect(await readFile(join(folder, "model.safetensors"))).toEqual(files["model.safetensors"]);
    const ranges = hub.requests
      .filter(({ path }) => path.endsWith("model.safetensors"))
      .map(({ range }) => Number(/\d+/.exec(range ?? "0")![0]));
    expect(ranges).toHaveLength(3);
    expect(ranges[0]).toBe(0);
    expect(ranges[1]).toBeGreaterThan(0);
    expect(ranges[2]).toBeGreaterThan(ranges[1]!);
  });

  test("a transfer that is given up leaves what came, and the next call fetches only the rest", async () => {
    await using hub = await startLoopbackHub({ repository, files: await llamaFiles() });
    const cache = await testFolder();
    const blobs = join(cache, "models--org--tiny/blobs");
    const blobName = filesToFetch((await (await fetch(`${hub.url}/api/models/${repository}/tree/${hub.commit}`)).json()) as [], false).find(
      ({ path }) => path === "model.safetensors",
    )!.blob;
    hub.breakOff("model.safetensors", 0, 3);
    await expect(downloadRepository(requestFor(hub, cache))).rejects.toThrow(
      /The transfer of model\.safetensors broke off 3 times[\s\S]*Run the same command again/,
    );
    expect(await readdir(join(cache, "models--org--tiny"))).not.toContain("refs");
    const half = (await readFile(join(llama, "model.safetensors"))).subarray(0, 5000);
    await writeFile(join(blobs, `${blobName}.incomplete`), half);
    await downloadRepository(requestFor(hub, cache));
    expect(hub.requests.findLast(({ path }) => path.endsWith("model.safetensors"))).toMatchObject({ range: "bytes=5000-" });
    expect(await readdir(blobs)).not.toContain(`${blobName}.incomplete`);
  });

  test("content that is not what was listed is refused and removed", async () => {
    const files = await llamaFiles();
    await using hub = await startLoopbackHub({ repository, files });
    const cache = await testFolder();
    files["model.safetensors"] = Buffer.from(files["model.safetensors"]!).fill(7, 50_000, 50_001);
    await expect(downloadRepository(requestFor(hub, cache))).rejects.toThrow(
      /model\.safetensors did not come as it is listed: expected the hash/,
    );
    expect(await readdir(join(cache, "models--org--tiny/blobs"))).toHaveLength(1);
  });

  test.each(["../../evil", "/etc/passwd", "a/../../b", "C:/x", "a\\..\\b", "a//b"])("a file named %s is refused", (path) => {
    expect(() => filesToFetch([{ type: "file", path, size: 1, oid: "0".repeat(40) }], true)).toThrow(/leads out of the cache/);
    expect(() => filesToFetch([{ type: "file", path: "ok", size: 1, oid: "../x" }], true)).toThrow(/leads out of the cache/);
  });

  test("the token comes from HF_TOKEN, else from the file that the hub's own tools write; the address from HF_ENDPOINT", async () => {
    const home = await testFolder();
    await writeFile(join(home, "token"), "from-file\n");
    expect(await hubTokenOf({ HF_TOKEN: "from-env", HF_HOME: home })).toBe("from-env");
    expect(await hubTokenOf({ HF_HOME: home })).toBe("from-file");
    expect(await hubTokenOf({ HF_TOKEN_PATH: join(home, "none") })).toBeUndefined();
    expect([hubUrlOf({ HF_ENDPOINT: "http://h/" }), hubUrlOf({})]).toEqual(["http://h", undefined]);
  });
});

describe.concurrent("sft download", () => {
  test("prints the folder; a private repository needs its token", async () => {
    await using hub = await startLoopbackHub({ repository, files: await llamaFiles(), token: "hf_secret" });
    const folder = await testFolder();
    const env = { HF_ENDPOINT: hub.url, HF_HOME: folder };
    const refused = await runSft(["download", repository], { cwd: folder, env });
    expect(refused.stderr).toMatch(/^error: The hub answered 401 for org\/tiny\.\nThe repository is private or gated/);
    expect([refused.exitCode, refused.stdout]).toEqual([1, ""]);
    const { stdout, exitCode, stderr } = await runSft(["download", repository, "--quiet"], {
      cwd: folder,
      env: { ...env, HF_TOKEN: "hf_secret" },
    });
    expect([exitCode, stderr, stdout.trim()]).toEqual([0, "", join(folder, "hub/models--org--tiny/snapshots", hub.commit)]);
  });

  test("a repository that is not there, a hub that is not there, and names that are none", async () => {
    await using hub = await startLoopbackHub({ repository, files: {} });
    const folder = await testFolder();
    const missing = await runSft(["download", "org/other"], { cwd: folder, env: { HF_ENDPOINT: hub.url, HF_HOME: folder } });
    expect(missing.stderr).toMatch(/The hub answered 404 for org\/other/);
    const away = await runSft(["download", repository], { cwd: folder, env: { HF_ENDPOINT: "http://127.0.0.1:9", HF_HOME: folder } });
    expect(away.stderr).toMatch(/^error: The hub could not be asked for org\/tiny: [\s\S]*HF_ENDPOINT/);
    const wrong = await runSft(["download", "../x"], { cwd: folder, env: { HF_HOME: folder } });
    expect([wrong.exitCode, wrong.stderr.split("\n")[0]]).toEqual([
      2,
      'error: Expected a repository organisation/model and a branch, tag or commit, got "../x" at "main".',
    ]);
  });
});
