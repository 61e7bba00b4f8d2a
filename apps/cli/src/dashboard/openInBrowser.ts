import { spawn } from "node:child_process";

/** The program of a platform that opens an address in the user's browser, with what comes before the address. */
export function openerOf(platform: NodeJS.Platform): readonly [program: string, ...args: string[]] {
  if (platform === "darwin") return ["open"];
  return platform === "win32" ? ["cmd", "/c", "start", ""] : ["xdg-open"];
}

/**
 * Opens an address in the user's browser.
 * @param patience ms after which an opener that has not ended counts as a browser that is open
 * @returns why it could not; undefined when it could
 */
export function openInBrowser(
  address: string,
  [program, ...args]: readonly [program: string, ...args: string[]] = openerOf(process.platform),
  patience = 5000,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(program, [...args, address], { stdio: "ignore", detached: true });
    child.on("error", ({ code, message }: NodeJS.ErrnoException) => resolve(code === "ENOENT" ? `there is no ${program} here` : message));
    child.on("exit", (code) => resolve(code === 0 ? undefined : `${program} found no browser (it ended with ${code})`));
    child.unref();
    setTimeout(() => resolve(undefined), patience).unref();
  });
}
