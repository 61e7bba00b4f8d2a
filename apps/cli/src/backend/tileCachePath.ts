import { posix, win32 } from "node:path";

/** Where the choices of `--autotune` are kept: `sft/kernels/tiles.json` in the folder that a user's caches are in. */
export function tileCachePath(platform: NodeJS.Platform, environment: Readonly<Record<string, string | undefined>>, home: string): string {
  const { join } = platform === "win32" ? win32 : posix;
  const folder =
    platform === "win32"
      ? environment["LOCALAPPDATA"] || join(home, "AppData", "Local")
      : platform === "darwin"
        ? environment["XDG_CACHE_HOME"] || join(home, "Library", "Caches")
        : environment["XDG_CACHE_HOME"] || join(home, ".cache");
  return join(folder, "sft", "kernels", "tiles.json");
}
