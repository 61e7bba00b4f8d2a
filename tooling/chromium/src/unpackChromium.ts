import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliDecompress } from "node:zlib";
import { tarEntries } from "@sft/software-gpu/tarEntries";

/** The Chromium of npm `@sparticuz/chromium` is built for Linux on x64 alone. */
export const hasChromium: boolean = process.platform === "linux" && process.arch === "x64";

/** Where Chromium lies, and the variables under which it needs neither libraries nor fonts of the system. */
export interface ChromiumFiles {
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Unpacks Chromium on first use. Several processes may call this at once: each unpacks into its own folder and the first rename wins. */
export async function unpackChromium(): Promise<ChromiumFiles> {
  for (const cache of [join(dirname(fileURLToPath(import.meta.url)), "../node_modules/.cache"), tmpdir()]) {
    const target = join(cache, "sft-chromium-147");
    const files: ChromiumFiles = {
      program: join(target, "chromium"),
      env: { LD_LIBRARY_PATH: join(target, "lib"), FONTCONFIG_FILE: join(target, "fonts.conf") },
    };
    if (existsSync(target)) return files;
    try {
      await mkdir(cache, { recursive: true });
      const staging = await mkdtemp(`${target}-`);
      await unpackInto(staging, target);
      await rename(staging, target).catch(async (error) => {
        await rm(staging, { recursive: true, force: true });
        if (!existsSync(target)) throw error;
      });
      return files;
    } catch (error) {
      if (!["EACCES", "EROFS", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }
  throw new Error("Neither node_modules/.cache nor the temporary folder can be written: set TMPDIR to a folder that can.");
}

/** @param target where the folder will lie in the end, which the fonts' configuration names */
async function unpackInto(folder: string, target: string): Promise<void> {
  const archives = join(dirname(createRequire(import.meta.url).resolve("@sparticuz/chromium")), "../../bin");
  const unpacked = async (name: string): Promise<Uint8Array> => promisify(brotliDecompress)(await readFile(join(archives, name)));
  await Promise.all(["lib", "fonts"].map((name) => mkdir(join(folder, name))));
  await writeFile(join(folder, "chromium"), await unpacked("chromium.br"), { mode: 0o755 });
  for (const { name, data } of tarEntries(await unpacked("al2023.tar.br"))) await writeFile(join(folder, "lib", basename(name)), data);
  for (const { name, data } of tarEntries(await unpacked("fonts.tar.br")))
    if (name.endsWith(".ttf")) await writeFile(join(folder, "fonts", basename(name)), data);
  const fonts = `<dir>${join(target, "fonts")}</dir><cachedir>${join(target, "cache")}</cachedir>`;
  await writeFile(
    join(folder, "fonts.conf"),
    `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>${fonts}</fontconfig>\n`,
  );
}
