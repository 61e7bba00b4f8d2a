import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { deviceKey, tileCacheFile } from "./tileCacheFile.ts";

let folder: string;
let path: string;
let notices: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sft-tiles-"));
  path = join(folder, "made", "tiles.json");
  notices = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const open = (device: string, version: string = "1.0.0") =>
  tileCacheFile({ path, version, device, notice: (text) => void notices.push(text) });

it("keeps choices by device, in a folder that it makes", async () => {
  expect(await open("first").load()).toEqual({});
  await open("first").save({ a: "square" });
  await open("second").save({ a: "large" });
  await open("first").save({ b: "whole" });
  expect(await open("first").load()).toEqual({ a: "square", b: "whole" });
  expect(await open("second").load()).toEqual({ a: "large" });
  expect(await open("constructor").load()).toEqual({});
  expect(notices).toEqual([]);
});

it.each(["", "{", "[]", '{"version":"1.0.0"}', '{"version":"1.0.0","devices":{"first":{"a":3}}}', "\u0000\u0001"])(
  "says that %j is damaged, and replaces it",
  async (text) => {
    await open("first").save({});
    await writeFile(path, text);
    expect(await open("first").load()).toEqual({});
    expect(notices).toEqual([`the tile cache ${path} is damaged: tiles are measured anew and the file is replaced`]);
    await open("first").save({ a: "square" });
    expect(await open("first").load()).toEqual({ a: "square" });
  },
);

it("does not use what another version measured", async () => {
  await open("first", "0.9.0").save({ a: "square" });
  expect(await open("first").load()).toEqual({});
  expect(notices).toEqual([`the tile cache ${path} is of version 0.9.0, not 1.0.0: tiles are measured anew and the file is replaced`]);
  await open("first").save({ b: "large" });
  expect(JSON.parse(await readFile(path, "utf8"))).toEqual({ version: "1.0.0", devices: { first: { b: "large" } } });
});

it("is whole at every moment while many write, and leaves nothing else behind", async () => {
  await open("first").save({ a: "square" });
  const writes = Array.from({ length: 20 }, (_, index) => open(`device ${index}`).save({ a: "large" }));
  const reads = Array.from({ length: 20 }, () => open("first").load());
  for (const choices of await Promise.all(reads)) expect([{}, { a: "square" }]).toContainEqual(choices);
  await Promise.all(writes);
  expect(notices).toEqual([]);
  expect(await readdir(dirname(path))).toEqual(["tiles.json"]);
});

it("goes on where nothing can be written, with a word", async () => {
  path = join(folder, "file", "tiles.json");
  await writeFile(join(folder, "file"), "");
  await open("first").save({ a: "square" });
  expect(notices).toHaveLength(1);
  expect(notices[0]).toContain(`the tile cache ${path} could not be written: `);
});

it("tells drivers of one device apart", () => {
  const info = { vendor: "nvidia", architecture: "hopper", device: "NVIDIA H100", description: "NVIDIA: 550.54.15" };
  expect(deviceKey(info)).not.toBe(deviceKey({ ...info, description: "NVIDIA: 560.1.2" }));
});

// Linux says ENOENT for a new folder in /proc, at which Node's recursive mkdir makes the parent for ever.
it.runIf(process.platform === "linux")("says so and goes on where the folder cannot be made", async () => {
  path = "/proc/none/sft/tiles.json";
  await open("first").save({ a: "square" });
  expect(notices).toEqual([expect.stringMatching(/^the tile cache \/proc\/none\/sft\/tiles.json could not be written: ENOENT/)]);
});
