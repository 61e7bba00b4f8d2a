import { availableParallelism, cpus, freemem, totalmem } from "node:os";
import { selectBackend } from "../backend/selectBackend.ts";

/** One thing that was looked at. `hint` says what to do where it is not well. */
export interface MachineCheck {
  readonly name: string;
  readonly state: "ok" | "note" | "fault";
  readonly found: string;
  readonly hint?: string;
}

const lowestNode = [20, 19] as const;

/** Looks at this machine: Node, processor, memory, and each backend that comes with sft. */
export async function inspectMachine(): Promise<MachineCheck[]> {
  return [nodeCheck(process.versions.node), processorCheck(), memoryCheck(), await backendCheck("cpu"), await backendCheck("webgpu")];
}

export function nodeCheck(version: string): MachineCheck {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isNew = major > lowestNode[0] || (major === lowestNode[0] && minor >= lowestNode[1]);
  return {
    name: "node",
    state: isNew ? "ok" : "fault",
    found: version,
    ...(isNew ? {} : { hint: `Install Node ${lowestNode.join(".")} or newer.` }),
  };
}

function processorCheck(): MachineCheck {
  return { name: "processor", state: "ok", found: `${cpus()[0]?.model.trim() ?? "unknown"}, ${availableParallelism()} threads` };
}

function memoryCheck(): MachineCheck {
  const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  return { name: "memory", state: "ok", found: `${gibibytes(freemem())} free of ${gibibytes(totalmem())}` };
}

async function backendCheck(name: "cpu" | "webgpu"): Promise<MachineCheck> {
  try {
    const backend = await selectBackend({ backend: name }, process.cwd());
    const { adapter, hardwareAccelerated } = backend.capabilities;
    await backend.dispose();
    if (hardwareAccelerated) return { name: `backend ${name}`, state: "ok", found: adapter };
    return {
      name: `backend ${name}`,
      state: "note",
      found: `${adapter} (software)`,
      hint: "--backend auto never takes a GPU in software: the CPU backend is faster.",
    };
  } catch (error) {
    const [message, ...rest] = (error as Error).message.split("\n");
    const hint = (error as { hint?: string }).hint ?? rest.join(" ");
    return {
      name: `backend ${name}`,
      state: name === "cpu" ? "fault" : "note",
      found: `not available: ${message}`,
      ...(hint ? { hint } : {}),
    };
  }
}
