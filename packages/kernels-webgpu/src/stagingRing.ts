import type { DeviceFaults } from "./deviceFaults.ts";
import { ReadPause } from "./readPause.ts";

const MAP_READ = 0x01;
const COPY_DST = 0x08;
const MODE_READ = 0x01;
/** Small reads (a loss, a norm) share one size, so that they share buffers. */
const SMALLEST = 4096;
const KEPT_BUFFERS = 4;

/** Most bytes of one read or write; larger downloads and uploads go in parts of this size. */
export const MAX_STAGING_BYTES: number = 64 * 1024 * 1024;

/**
 * Reads device memory through a few mappable buffers. A read is queued behind the work that was submitted before it and does not
 * hold up the work after it.
 */
export class StagingRing {
  private readonly device: GPUDevice;
  private readonly queue: GPUQueue;
  private readonly faults: DeviceFaults;
  private readonly idle: GPUBuffer[] = [];
  private readonly pause: ReadPause | undefined;

  /** `sleeps` as in the backend's options. */
  constructor(device: GPUDevice, queue: GPUQueue, faults: DeviceFaults, sleeps: boolean) {
    this.device = device;
    this.queue = queue;
    this.faults = faults;
    this.pause = sleeps ? new ReadPause() : undefined;
  }

  /** Copies `bytes` bytes from `offset` on, both multiples of 4. */
  async read(source: GPUBuffer, offset: number, bytes: number): Promise<ArrayBuffer> {
    const staging = this.take(bytes);
    const encoder = this.device.createCommandEncoder();
    encoder.copyBufferToBuffer(source, offset, staging, 0, bytes);
    this.queue.submit([encoder.finish()]);
    await this.faults.orLost(
      this.pause && bytes <= SMALLEST ? mapAfter(this.pause, staging, bytes) : staging.mapAsync(MODE_READ, 0, bytes),
    );
    const data = staging.getMappedRange(0, bytes).slice(0);
    staging.unmap();
    if (this.idle.length < KEPT_BUFFERS) this.idle.push(staging);
    else staging.destroy();
    return data;
  }

  destroy(): void {
    for (const buffer of this.idle.splice(0)) buffer.destroy();
  }

  private take(bytes: number): GPUBuffer {
    const fitting = this.idle.findIndex((buffer) => buffer.size >= bytes && buffer.size <= Math.max(SMALLEST, 4 * bytes));
    if (fitting !== -1) return this.idle.splice(fitting, 1)[0]!;
    return this.device.createBuffer({ label: "staging", size: Math.max(SMALLEST, bytes), usage: MAP_READ | COPY_DST });
  }
}

/** Maps a small read, such as those that every step ends with, once most of the usual wait is over. */
async function mapAfter(pause: ReadPause, staging: GPUBuffer, bytes: number): Promise<void> {
  const milliseconds = pause.next();
  const started = performance.now();
  if (milliseconds > 0) await new Promise((resolve) => setTimeout(resolve, milliseconds));
  const woken = performance.now();
  await staging.mapAsync(MODE_READ, 0, bytes);
  pause.note(milliseconds > 0 ? woken - started : 0, performance.now() - woken);
}
