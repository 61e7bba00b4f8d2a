import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import type { Precision } from "../elements.ts";
import { createKernels } from "../kernels.ts";
import { bindSteps, type PlacedProgram, type Step } from "../placedProgram.ts";
import type { WasmMemory } from "../wasm/webAssembly.ts";
import { Control, runSteps } from "./control.ts";

/** What a worker is started with. */
export interface WorkerStart {
  readonly memory: WasmMemory;
  readonly maximumPages: number;
  readonly shared: boolean;
  readonly precision: Precision;
  readonly control: SharedArrayBuffer;
  readonly part: number;
  readonly parts: number;
}

/** What a worker is told between runs; it reads its messages when it is woken. */
export type WorkerMessage =
  | { readonly kind: "place"; readonly id: number; readonly placed: PlacedProgram }
  | { readonly kind: "free"; readonly id: number };

const start = workerData as WorkerStart;
const port = parentPort!;
const control = new Control(start.parts, start.control);
const kernels = createKernels(start.precision, start);
const programs = new Map<number, PlacedProgram>();
const bound = new Map<number, readonly Step[]>();

function stepsOf(id: number): readonly Step[] {
  let steps = bound.get(id);
  if (!steps) {
    // Growing by nothing makes this thread see the size that another thread has grown the memory to.
    start.memory.grow(0);
    steps = bindSteps(programs.get(id)!, kernels, start.memory.buffer, start.precision, start.part, start.parts);
    bound.set(id, steps);
  }
  return steps;
}

function readMessages(): void {
  for (let received = receiveMessageOnPort(port); received; received = receiveMessageOnPort(port)) {
    const message = received.message as WorkerMessage;
    if (message.kind === "place") programs.set(message.id, message.placed);
    else programs.delete(message.id);
    bound.delete(message.id);
  }
}

port.postMessage("ready");
for (let last = 0; ;) {
  const { run, program } = control.sleep(last);
  readMessages();
  runSteps(stepsOf(program), run, control);
  last = run;
}
