import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { writeFileAtomic } from "./atomicFile.ts";
import { replaceFolder } from "./atomicFolder.ts";
import { testFolder } from "../testdata/testFolder.ts";

test("a file is replaced whole, from text or bytes", async () => {
  const folder = testFolder();
  const path = join(folder, "state.json");
  await writeFileAtomic(path, "é");
  await writeFileAtomic(path, new Uint8Array([0x61, 0x62]));
  expect(readFileSync(path, "utf8")).toBe("ab");
  expect(readdirSync(folder)).toEqual(["state.json"]);
});

test("a file is on the disk before it has its name", async () => {
  const folder = testFolder();
  const path = join(folder, "state.json");
  const handle = await open(new URL(import.meta.url));
  const prototype = Object.getPrototypeOf(handle) as typeof handle;
  await handle.close();
  const named: boolean[] = [];
  const real = prototype.sync;
  const spy = vi.spyOn(prototype, "sync").mockImplementation(function (this: typeof handle) {
    named.push(existsSync(path));
    return Reflect.apply(real, this, []) as Promise<void>;
  });
  onTestFinished(() => spy.mockRestore());
  await writeFileAtomic(path, "x");
  // The file's own content first, then, where folders can be opened, the folder that now holds its name.
  expect(named).toEqual(process.platform === "win32" ? [false] : [false, true]);
});

test("a folder is replaced whole, its parents made, nothing left beside it", async () => {
  const parent = join(testFolder(), "runs", "first");
  const path = join(parent, "checkpoint-20");
  for (const name of ["old", "new"]) {
    await replaceFolder(path, async (folder) => {
      expect(readdirSync(folder)).toEqual([]);
      await writeFileAtomic(join(folder, name), name);
    });
  }
  expect(readdirSync(path)).toEqual(["new"]);
  expect(readdirSync(parent)).toEqual(["checkpoint-20"]);
});

test("when building fails the old folder stays, and the error speaks of the folder that was asked for", async () => {
  const parent = testFolder();
  const path = join(parent, "checkpoint-20");
  mkdirSync(path);
  writeFileSync(join(path, "old"), "");
  const failing = replaceFolder(path, async (folder) => writeFileAtomic(join(folder, "absent", "x"), ""));
  await expect(failing).rejects.toMatchObject({ code: "not-writable", path: join(path, "absent", "x") });
  await expect(replaceFolder(path, () => Promise.reject(new RangeError("mine")))).rejects.toThrow(RangeError);
  expect(readdirSync(path)).toEqual(["old"]);
  expect(readdirSync(parent)).toEqual(["checkpoint-20"]);
});

test("a parent that is a file is named", async () => {
  const file = join(testFolder(), "file");
  writeFileSync(file, "");
  const path = join(file, "checkpoint-20");
  await expect(replaceFolder(path, async () => undefined)).rejects.toMatchObject({ code: "not-writable", path: file });
  expect(existsSync(path)).toBe(false);
});
