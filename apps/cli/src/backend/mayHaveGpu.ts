import { readdirSync } from "node:fs";

/** False only where there can be no GPU: a Linux without a device file of one, on which Dawn would print a warning of its own. */
export function mayHaveGpu(): boolean {
  if (process.platform !== "linux") return true;
  const has = (folder: string, pattern: RegExp): boolean => {
    try {
      return readdirSync(folder).some((name) => pattern.test(name));
    } catch {
      return false;
    }
  };
  return has("/dev/dri", /^renderD/) || has("/dev", /^(nvidia\d+|dxg|mali\d*|kgsl-3d0)$/);
}
