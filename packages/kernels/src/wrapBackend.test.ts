import { expect, it } from "vitest";
import type { Backend, BackendBuffer, Executable } from "./backend.ts";
import { createPlanningBackend } from "./planningBackend.ts";
import { wrapBackend } from "./wrapBackend.ts";

const buffer: BackendBuffer = { dtype: "f32", length: 4 };
const executable: Executable = { program: { name: "none", tensors: [], instructions: [] }, scratchBytes: 0 };

/** Notes what it is asked, in a field that only it can reach. */
class NotingBackend implements Backend {
  readonly #asked: unknown[] = [];
  readonly capabilities = createPlanningBackend().capabilities;
  readonly lost = new Promise<never>(() => {});
  allocate = (...given: unknown[]) => this.#note("allocate", given, buffer);
  free(...given: unknown[]): void {
    this.#note("free", given, undefined);
  }
  upload(...given: unknown[]): void {
    this.#note("upload", given, undefined);
  }
  download(...given: unknown[]) {
    return this.#note("download", given, Promise.resolve(Float32Array.of(1)));
  }
  compile(...given: unknown[]) {
    return this.#note("compile", given, Promise.resolve(executable));
  }
  run(...given: unknown[]): void {
    this.#note("run", given, undefined);
  }
  sync = () => this.#note("sync", [], Promise.resolve());
  dispose = () => this.#note("dispose", [], Promise.resolve());
  asked(): readonly unknown[] {
    return this.#asked;
  }
  #note<T>(method: string, given: readonly unknown[], answer: T): T {
    this.#asked.push([method, ...given]);
    return answer;
  }
}

it("hands every call on, with its arguments and what came of it", async () => {
  const inner = new NotingBackend();
  const wrapped = wrapBackend(inner, {});
  const part = { of: buffer, firstElement: 2 };
  const bindings = new Map([["x", buffer]]);
  expect(wrapped.allocate({ dtype: "f32", shape: [2] }, part)).toBe(buffer);
  wrapped.free(buffer);
  wrapped.upload(buffer, Float32Array.of(1), 3);
  expect(await wrapped.download(buffer, 1, 2)).toEqual(Float32Array.of(1));
  expect(await wrapped.compile(executable.program, bindings)).toBe(executable);
  wrapped.run(executable);
  await wrapped.sync();
  await wrapped.dispose();
  expect(inner.asked()).toEqual([
    ["allocate", { dtype: "f32", shape: [2] }, part],
    ["free", buffer],
    ["upload", buffer, Float32Array.of(1), 3],
    ["download", buffer, 1, 2],
    ["compile", executable.program, bindings],
    ["run", executable],
    ["sync"],
    ["dispose"],
  ]);
  expect([wrapped.capabilities, wrapped.lost]).toEqual([inner.capabilities, inner.lost]);
});

it("does what its overrides say instead", async () => {
  const inner = new NotingBackend();
  const capabilities = { ...inner.capabilities, backend: "wrapped" };
  const wrapped = wrapBackend(inner, { capabilities, sync: () => Promise.reject(new Error("not today")) });
  await expect(wrapped.sync()).rejects.toThrow("not today");
  expect(wrapped.capabilities.backend).toBe("wrapped");
  expect(inner.asked()).toEqual([]);
});
