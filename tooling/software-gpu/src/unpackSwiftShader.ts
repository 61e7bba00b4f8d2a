import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";
import { SoftwareGpuError } from "./softwareGpuError.ts";
import { tarEntries } from "./tarEntries.ts";

const REQUIRED = ["libvulkan.so.1", "libvk_swiftshader.so", "vk_swiftshader_icd.json"] as const;

/**
 * Folder with SwiftShader and a Vulkan loader, unpacked on first use from npm `@sparticuz/chromium`. Several processes may
 * call this at once: each unpacks into its own folder and the first rename wins.
 */
export function unpackSwiftShader(): string {
  const archive = archivePath();
  for (const cache of [join(dirname(fileURLToPath(import.meta.url)), "../node_modules/.cache"), tmpdir()]) {
    const target = join(cache, "sft-swiftshader-147");
    if (REQUIRED.every((file) => existsSync(join(target, file)))) return target;
    try {
      mkdirSync(cache, { recursive: true });
      const staging = mkdtempSync(join(cache, "sft-swiftshader-"));
      for (const entry of tarEntries(brotliDecompressSync(readFileSync(archive))))
        writeFileSync(join(staging, basename(entry.name)), entry.data);
      try {
        renameSync(staging, target);
      } catch (error) {
        rmSync(staging, { recursive: true, force: true });
        if (!existsSync(target)) throw error;
      }
    } catch (error) {
      if (["EACCES", "EROFS", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? "")) continue;
      throw new SoftwareGpuError(
        "archive",
        `cannot unpack ${archive} into ${target}`,
        "Delete that folder and install the dependencies again.",
        error,
      );
    }
    const missing = REQUIRED.filter((file) => !existsSync(join(target, file)));
    if (missing.length > 0)
      throw new SoftwareGpuError(
        "archive",
        `${archive} does not hold ${missing.join(", ")}`,
        "This version of @sparticuz/chromium is not the one pinned in the catalog.",
      );
    return target;
  }
  throw new SoftwareGpuError(
    "archive",
    "neither node_modules/.cache nor the temporary folder can be written",
    "Set TMPDIR to a folder that can be written.",
  );
}

function archivePath(): string {
  const main = createRequire(import.meta.url).resolve("@sparticuz/chromium");
  for (let folder = dirname(main); folder !== dirname(folder); folder = dirname(folder)) {
    const candidate = join(folder, "bin/swiftshader.tar.br");
    if (existsSync(candidate)) return candidate;
  }
  throw new SoftwareGpuError("archive", `no bin/swiftshader.tar.br beside ${main}`, "Install the dependencies again.");
}
