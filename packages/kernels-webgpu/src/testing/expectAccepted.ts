import { expect } from "vitest";
import type { Kernel } from "../kernel.ts";
import { createNodeDevice } from "../nodeDevice.ts";

/** Compiles kernels on Dawn's null device, which needs no GPU and knows matrix units: none may have a message or an error. */
export async function expectAccepted(kernels: Iterable<Pick<Kernel, "wgsl" | "label">>): Promise<void> {
  const { device } = await createNodeDevice({ graphics: "null" });
  for (const { wgsl, label } of kernels) {
    device.pushErrorScope("validation");
    const { messages } = await device.createShaderModule({ code: wgsl }).getCompilationInfo();
    expect(messages.map(({ message, lineNum }) => `${label}, line ${lineNum}: ${message}`)).toEqual([]);
    expect(await device.popErrorScope()).toBeNull();
  }
}
