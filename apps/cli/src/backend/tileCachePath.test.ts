import { expect, test } from "vitest";
import { tileCachePath } from "./tileCachePath.ts";

// XDG Base Directory Specification: $XDG_CACHE_HOME, where it is unset or empty $HOME/.cache.
test.each<[NodeJS.Platform, Record<string, string>, string, string]>([
  ["linux", {}, "/home/me", "/home/me/.cache/sft/kernels/tiles.json"],
  ["linux", { XDG_CACHE_HOME: "/caches" }, "/home/me", "/caches/sft/kernels/tiles.json"],
  ["linux", { XDG_CACHE_HOME: "" }, "/home/me", "/home/me/.cache/sft/kernels/tiles.json"],
  ["darwin", {}, "/Users/me", "/Users/me/Library/Caches/sft/kernels/tiles.json"],
  ["win32", { LOCALAPPDATA: "C:\\Users\\me\\AppData\\Local" }, "C:\\Users\\me", "C:\\Users\\me\\AppData\\Local\\sft\\kernels\\tiles.json"],
  ["win32", {}, "C:\\Users\\me", "C:\\Users\\me\\AppData\\Local\\sft\\kernels\\tiles.json"],
])("on %s with %j", (platform, environment, home, path) => expect(tileCachePath(platform, environment, home)).toBe(path));
