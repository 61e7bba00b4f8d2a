import { chmodSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { replaceFolder } from "./atomicFolder.ts";
import { checkFolderPlace, makeFolder } from "./makeFolder.ts";
import { testFolder } from "../testdata/testFolder.ts";

const isRoot = process.geteuid?.() === 0;

test("missing folders are made, and those that are there stay", async () => {
  const top = testFolder();
  const path = join(top, "a", "b", "c");
  await checkFolderPlace(path);
  expect(readdirSync(top)).toEqual([]);
  await makeFolder(path);
  writeFileSync(join(path, "kept"), "");
  await makeFolder(path);
  await checkFolderPlace(path);
  expect(readdirSync(path)).toEqual(["kept"]);
});

test("many may make the same folder at once", async () => {
  const path = join(testFolder(), "a", "b", "c", "d");
  await Promise.all(Array.from({ length: 20 }, () => makeFolder(path)));
  expect(readdirSync(path)).toEqual([]);
});

test("a path through a file is refused with the file's name, before anything is made", async () => {
  const file = join(testFolder(), "file");
  writeFileSync(file, "");
  for (const path of [file, join(file, "a"), join(file, "a", "b")]) {
    const refused = {
      code: "not-writable",
      path,
      message: expect.stringContaining(`could not make the folder ${path}: ${file} is a file`),
    };
    await expect(makeFolder(path)).rejects.toMatchObject(refused);
    await expect(checkFolderPlace(path)).rejects.toMatchObject(refused);
  }
});

test("a link to nowhere is refused by name", async () => {
  const link = join(testFolder(), "link");
  symlinkSync(join(link, "..", "nowhere"), link);
  await expect(makeFolder(join(link, "a"))).rejects.toThrow(`the system refuses at ${link} (EEXIST)`);
});

// Linux says ENOENT for a new folder in /proc, at which Node's recursive mkdir makes the parent for ever.
describe.runIf(process.platform === "linux")("a file system that takes no folders", () => {
  test.each(["/proc/x", "/proc/x/y/z"])("at %s is named, and the call ends", async (path) => {
    const message =
      path === "/proc/x" ? /^could not write a folder at \/proc\/x: / : /^could not write a folder at \/proc\/x\/y\/z: .* at \/proc\/x /;
    await expect(makeFolder(path)).rejects.toMatchObject({ code: "not-writable", path, message: expect.stringMatching(message) });
    await expect(replaceFolder(join(path, "checkpoint-1"), async () => undefined)).rejects.toMatchObject({ code: "not-writable" });
  });
});

describe("a folder that may not be written", () => {
  const locked = (): string => {
    const parent = testFolder();
    chmodSync(parent, 0o755);
    const folder = join(parent, "locked");
    mkdirSync(folder, { mode: 0o555 });
    return folder;
  };

  test.skipIf(process.platform === "win32")("is named by the attempt", async () => {
    const path = join(locked(), "a");
    if (isRoot) process.seteuid!(65534);
    try {
      await expect(makeFolder(path)).rejects.toMatchObject({ code: "not-writable", path, message: expect.stringContaining("EACCES") });
    } finally {
      if (isRoot) process.seteuid!(0);
    }
    expect(existsSync(path)).toBe(false);
  });

  // access(2) asks for the real user, which a process cannot take on for a while.
  test.skipIf(process.platform === "win32" || isRoot)("is named before the attempt", async () => {
    const folder = locked();
    await expect(checkFolderPlace(join(folder, "a", "b"))).rejects.toThrow(`the system refuses at ${folder} (EACCES)`);
    await expect(checkFolderPlace(folder)).rejects.toThrow(`could not write a folder at ${folder}: the system refuses (EACCES)`);
  });
});
