import { defineCommand, type ArgsDef, type CommandDef } from "citty";
import { once } from "node:events";
import { stat } from "node:fs/promises";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { dashboardServer } from "../dashboard/dashboardServer.ts";
import { openInBrowser } from "../dashboard/openInBrowser.ts";
import { RunList } from "../dashboard/runList.ts";
import { CliError, usageError } from "../failure/cliError.ts";
import { booleanOf, countOf, textOf, type FlagValues } from "../flagValues.ts";
import { listenForInterruption } from "../run/interruption.ts";

export const examples: readonly string[] = ["sft dashboard", "sft dashboard experiments --port 8080 --open"];

const command: CommandDef<ArgsDef> = defineCommand({
  meta: {
    name: "dashboard",
    description: "Serve a local page that lists the runs below a folder and follows those in progress. Ctrl-C ends it.",
  },
  args: {
    folder: { type: "positional", required: false, default: "runs", description: "folder to look for runs in (default: runs)" },
    port: { type: "string", default: "6420", description: "port to listen on; 0 takes a free one" },
    host: { type: "string", default: "127.0.0.1", description: "address to listen on; another than the default shows runs to the network" },
    open: { type: "boolean", description: "open the page in the browser" },
    json: { type: "boolean", description: "print one JSON object with the address, and nothing else" },
  } as ArgsDef,
  async run({ args }) {
    const { signal, stopListening } = listenForInterruption();
    const folder = textOf(args, "folder")!;
    const json = booleanOf(args, "json");
    await checkFolder(folder);
    const host = textOf(args, "host")!;
    const port = portOf(args);
    const isLocal = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/.test(host);
    const server = await dashboardServer({ folder, runs: new RunList(resolve(folder)), isLocal });
    const address = await listen(server, port, host);
    process.stdout.write(json ? `${JSON.stringify({ address })}\n` : `${address} shows the runs below ${folder}; Ctrl-C ends it\n`);
    if (booleanOf(args, "open")) void open(address);
    if (!signal.aborted) await once(signal, "abort");
    server.closeAllConnections();
    server.close();
    stopListening();
    return 130;
  },
});

export default command;

/** The page is served however this ends. */
async function open(address: string): Promise<void> {
  // The address that stands for all of this machine's is one to listen on, not one to go to.
  const page = address.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:");
  const trouble = await openInBrowser(page);
  if (trouble !== undefined) process.stderr.write(`note: ${trouble}; open ${page} in a browser yourself\n`);
}

async function checkFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined);
  if (found === undefined) process.stderr.write(`note: ${folder} does not exist yet; its runs will appear as soon as it does\n`);
  else if (!found.isDirectory())
    throw usageError("not-found", `${folder}: expected a folder with runs in it; this is a file.`, "Give the folder above the runs.");
}

function portOf(args: FlagValues): number {
  const port = countOf(args, "port", 0)!;
  if (port <= 65535) return port;
  throw usageError("bad-flag", `--port: expected a number from 0 to 65535, got ${port}.`, "Write for example --port 6420.");
}

/** @returns the address under which the page is reached */
async function listen(server: Server, port: number, host: string): Promise<string> {
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE")
      throw new CliError(
        "port-in-use",
        `Port ${port} of ${host} is in use, perhaps by another dashboard.`,
        `Choose another with --port ${port === 65535 ? port - 1 : port + 1}, or any free one with --port 0.`,
        { cause: error },
      );
    if (code === "EACCES")
      throw new CliError("port-in-use", `Port ${port} is kept for the system's administrator.`, "Choose one from 1024 on: --port 6420.", {
        cause: error,
      });
    if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND" || code === "EAI_AGAIN")
      throw usageError(
        "bad-flag",
        `--host ${host} is no address of this machine.`,
        "Write --host 127.0.0.1, or 0.0.0.0 for every network.",
      );
    throw error;
  }
  const { address, family, port: bound } = server.address() as AddressInfo;
  return `http://${family === "IPv6" ? `[${address}]` : address}:${bound}`;
}
