import { once } from "node:events";
import { startSft } from "./runSft.ts";

/** `sft dashboard` as a process of its own. */
export interface ServedDashboard {
  readonly address: string;
  /** Ends it with Ctrl-C. */
  end(): Promise<unknown>;
  kill(): void;
}

/** Starts it for the runs below root. @throws with what it says when it ends before it has an address */
export async function serveDashboard(root: string, port = "0"): Promise<ServedDashboard> {
  const child = startSft(["dashboard", root, "--port", port, "--json"]);
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const ended = once(child, "close");
  const [line] = (await Promise.race([once(child.stdout, "data"), ended])) as [Buffer | number];
  if (typeof line === "number") throw new Error(`sft dashboard ended with ${line}: ${said}`);
  const { address } = JSON.parse(String(line)) as { address: string };
  return { address, end: () => (child.kill("SIGINT"), ended), kill: () => void child.kill("SIGKILL") };
}
