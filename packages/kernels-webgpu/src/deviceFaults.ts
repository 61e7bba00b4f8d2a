import { BackendError, type BackendLost } from "@sft/kernels";

/**
 * What has gone wrong with a device so far. WebGPU reports faults later and elsewhere than where they were made: they are kept
 * here and thrown by the next call that can.
 */
export class DeviceFaults {
  /** Resolves when the device is lost. */
  readonly lost: Promise<BackendLost>;
  private readonly device: GPUDevice;
  private loss: BackendLost | undefined;
  private first: BackendError | undefined;

  constructor(device: GPUDevice) {
    this.device = device;
    this.lost = device.lost.then((info) => {
      this.loss = { reason: info.reason === "destroyed" ? "destroyed" : "unknown", message: info.message };
      return this.loss;
    });
    device.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      this.record(event.error, "the device reported");
    });
  }

  /** Keeps the first fault. */
  record(error: GPUError | Error, doing: string): void {
    this.first ??= toBackendError(error, doing);
  }

  /** Throws what was recorded, once; a lost device throws every time. */
  check(): void {
    if (this.loss) throw lostError(this.loss);
    const fault = this.first;
    this.first = undefined;
    if (fault) throw fault;
  }

  /** Waits for work that never ends when the device is lost. */
  async orLost<T>(work: Promise<T>): Promise<T> {
    const outcome = await Promise.race([
      work.then(
        (value) => ({ value }),
        (error: Error) => ({ error }),
      ),
      this.lost.then((loss) => ({ loss })),
    ]);
    if ("loss" in outcome) throw lostError(outcome.loss);
    if ("error" in outcome) {
      // A map fails with an abort when the device goes; the loss itself arrives a moment later.
      const loss = await Promise.race([this.lost, new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 50))]);
      throw loss ? lostError(loss) : toBackendError(outcome.error, "the device reported");
    }
    return outcome.value;
  }

  /** Runs an act that makes GPU objects and gives the first error that the device has to say about it. */
  async scoped<T>(doing: string, act: () => T): Promise<T> {
    const filters: readonly GPUErrorFilter[] = ["validation", "out-of-memory", "internal"];
    for (const filter of filters) this.device.pushErrorScope(filter);
    let value: T | undefined;
    let thrown: unknown;
    try {
      value = act();
    } catch (error) {
      thrown = error;
    }
    const errors = await Promise.all(filters.map(() => this.device.popErrorScope()));
    if (thrown !== undefined) throw thrown;
    const error = errors.find((each) => each !== null);
    if (error) throw toBackendError(error, doing);
    return value!;
  }
}

function lostError(loss: BackendLost): BackendError {
  return new BackendError("device-lost", `the GPU device was lost (${loss.reason})${loss.message ? `: ${loss.message}` : ""}`, {
    hint:
      loss.reason === "destroyed"
        ? "The backend was disposed, or its device destroyed."
        : "Make a new backend and resume from the last checkpoint.",
  });
}

function toBackendError(error: GPUError | Error, doing: string): BackendError {
  if (error instanceof BackendError) return error;
  const outOfMemory = error.constructor.name === "GPUOutOfMemoryError";
  return new BackendError(outOfMemory ? "out-of-memory" : "device-error", `${doing}: ${error.message}`, {
    ...(outOfMemory ? { hint: "Use a smaller batch, a shorter sequence or a smaller model." } : {}),
    cause: error,
  });
}
