import type { Precision } from "../elements.ts";
import type { KernelMemory } from "../kernels.ts";
import type { PlacedProgram, Step } from "../placedProgram.ts";
import { Control, type Profile, runSteps } from "./control.ts";
import type { WorkerMessage, WorkerStart } from "./worker.ts";

type Worker = import("node:worker_threads").Worker;

interface WorkerSource {
  readonly entry: string | URL;
  readonly eval: boolean;
  readonly execArgv: string[];
}

/**
 * Where a worker starts. When this module was itself read from TypeScript source, so is the worker's: by Node where it strips
 * types, else through tsx, which Node 20 takes in a worker only when the worker registers it for itself.
 */
async function workerSource(): Promise<WorkerSource> {
  if (!import.meta.url.endsWith(".ts")) return { entry: new URL("./worker.js", import.meta.url), eval: false, execArgv: [] };
  const entry = new URL("./worker.ts", import.meta.url);
  const execArgv = ["--conditions", "@sft/source"];
  if ((process.features as { typescript?: unknown }).typescript) return { entry, eval: false, execArgv };
  const tsx = import.meta.resolve("tsx/esm/api");
  const bootstrap = `import(${JSON.stringify(tsx)}).then(({ register }) => { register(); return import(${JSON.stringify(entry.href)}); });`;
  return { entry: bootstrap, eval: true, execArgv };
}

/**
 * The worker threads of a backend. The calling thread is part 0 of every program; workers sleep between runs and do not keep
 * the process alive.
 */
export class ThreadPool {
  readonly parts: number;
  private readonly control: Control;
  private readonly workers: readonly Worker[];

  private constructor(control: Control, workers: readonly Worker[]) {
    this.parts = control.parts;
    this.control = control;
    this.workers = workers;
  }

  /** Starts parts - 1 workers and resolves when all are ready. Rejects with the error of one that does not start. */
  static async start(parts: number, precision: Precision, { memory, maximumPages, shared }: KernelMemory): Promise<ThreadPool> {
    const { Worker } = await import("node:worker_threads");
    const source = await workerSource();
    const control = new Control(parts);
    const workers = Array.from({ length: parts - 1 }, (_, index) => {
      const workerData: WorkerStart = { memory, maximumPages, shared, precision, control: control.buffer, part: index + 1, parts };
      return new Worker(source.entry, { workerData, eval: source.eval, execArgv: source.execArgv, name: `sft-cpu-${index + 1}` });
    });
    await Promise.all(
      workers.map(
        (worker) =>
          new Promise<void>((resolve, reject) => {
            worker.once("message", () => resolve());
            worker.once("error", reject);
          }),
      ),
    );
    for (const worker of workers) worker.unref();
    return new ThreadPool(control, workers);
  }

  /** Tells the workers a program, or where it has moved to. */
  place(id: number, placed: PlacedProgram): void {
    this.tell({ kind: "place", id, placed });
  }

  free(id: number): void {
    this.tell({ kind: "free", id });
  }

  /** Runs a program on all threads; `steps` are those of part 0. @throws Error with what a thread threw. */
  run(id: number, steps: readonly Step[], profile?: Profile): void {
    if (steps.length === 0) return;
    if (!runSteps(steps, this.control.wake(id), this.control, profile)) throw new Error(this.control.failure());
  }

  async stop(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.terminate()));
  }

  private tell(message: WorkerMessage): void {
    for (const worker of this.workers) worker.postMessage(message);
  }
}
