import { spawn } from "node:child_process";

/** Opens an address in the user's browser. @returns false when there is no program that does */
export function openInBrowser(address: string): Promise<boolean> {
  const [program, ...args] =
    process.platform === "darwin" ? ["open"] : process.platform === "win32" ? ["cmd", "/c", "start", ""] : ["xdg-open"];
  return new Promise((resolve) => {
    const child = spawn(program!, [...args, address], { stdio: "ignore", detached: true });
    child.on("error", () => resolve(false));
    child.on("spawn", () => resolve(true));
    child.unref();
  });
}
