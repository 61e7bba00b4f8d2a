import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { AdapterInfo } from "../deviceAbilities.ts";
import type { TileChoices, TileStore } from "./tileTuner.ts";

export interface TileCacheFileOptions {
  readonly path: string;
  /** Version of this package: tiles that another measured are not used. */
  readonly version: string;
  /** See `deviceKey`. */
  readonly device: string;
  /** Told in a sentence why a file is not used, or could not be written. Default: nobody is. */
  readonly notice?: ((text: string) => void) | undefined;
}

/** The file: `{ version, devices: { [device]: { [class of products]: tile } } }`. */
interface TileCache {
  readonly version: string;
  readonly devices: Readonly<Record<string, TileChoices>>;
}

/**
 * Keeps choices of tiles in a JSON file, beside those of other devices. It is replaced as a whole, so that no reader sees half of
 * it; of two processes that write at once, one's newest choices may be lost, and are measured again.
 */
export function tileCacheFile({ path, version, device, notice = () => undefined }: TileCacheFileOptions): TileStore {
  const read = async (say: (text: string) => void): Promise<TileCache> => {
    const none: TileCache = { version, devices: {} };
    let text: string;
    try {
      text = await readFile(path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") say(`the tile cache ${path} cannot be read: ${(error as Error).message}`);
      return none;
    }
    const cache = parseCache(text);
    if (cache?.version === version) return cache;
    const what = cache ? `is of version ${cache.version}, not ${version}` : "is damaged";
    say(`the tile cache ${path} ${what}: tiles are measured anew and the file is replaced`);
    return none;
  };
  return {
    notice,
    load: async () => {
      const { devices } = await read(notice);
      return Object.hasOwn(devices, device) ? devices[device]! : {};
    },
    save: async (choices) => {
      const temporary = `${path}.${randomUUID()}.tmp`;
      try {
        const { devices } = await read(() => undefined);
        const kept = Object.hasOwn(devices, device) ? devices[device] : {};
        const cache: TileCache = { version, devices: { ...devices, [device]: { ...kept, ...choices } } };
        await makeFolder(dirname(path));
        await writeFile(temporary, `${JSON.stringify(cache, null, 1)}\n`);
        await rename(temporary, path);
      } catch (error) {
        await rm(temporary, { force: true }).catch(() => undefined);
        notice(`the tile cache ${path} could not be written: ${(error as Error).message}`);
      }
    },
  };
}

/** What tells one device and driver from another; Dawn's description names the driver and its version. */
export function deviceKey({ vendor, architecture, device, description }: AdapterInfo): string {
  return [vendor, architecture, device, description].join(" | ");
}

/** Makes a folder and those above it. Node's recursive mkdir never returns where folders are refused as missing, as in /proc. */
async function makeFolder(path: string): Promise<void> {
  const attempt = async (): Promise<string | undefined> =>
    mkdir(path).then(
      () => undefined,
      (error: NodeJS.ErrnoException) => {
        if (error.code === "EEXIST" || error.code === "ENOENT") return error.code;
        throw error;
      },
    );
  if ((await attempt()) !== "ENOENT") return;
  if (dirname(path) !== path) await makeFolder(dirname(path));
  await attempt();
}

function parseCache(text: string): TileCache | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(value) || typeof value["version"] !== "string" || !isRecord(value["devices"])) return undefined;
  const sound = Object.values(value["devices"]).every(
    (choices) => isRecord(choices) && Object.values(choices).every((tile) => typeof tile === "string"),
  );
  return sound ? (value as unknown as TileCache) : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
