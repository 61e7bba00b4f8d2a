// Preloaded into the command line by a test: every write fails as on a full disk, once FULL_DISK_AFTER bytes were written.
import { open } from "node:fs/promises";

let left = Number(process.env.FULL_DISK_AFTER);
const probe = await open(process.execPath, "r");
const prototype = Object.getPrototypeOf(probe);
await probe.close();

for (const method of ["write", "writeFile", "appendFile", "writev"]) {
  const real = prototype[method];
  prototype[method] = async function (data, ...rest) {
    const bytes =
      typeof data === "string"
        ? Buffer.byteLength(data)
        : Array.isArray(data)
          ? data.reduce((sum, part) => sum + part.byteLength, 0)
          : data.byteLength;
    left -= bytes;
    if (left < 0)
      throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC", errno: -28, syscall: "write" });
    return real.call(this, data, ...rest);
  };
}
