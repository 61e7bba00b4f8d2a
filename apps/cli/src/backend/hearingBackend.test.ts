import type { Backend } from "@sft/kernels";
import { createBackend } from "@sft/kernels-cpu";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hearingBackend } from "./hearingBackend.ts";

let backend: Backend;
beforeAll(async () => {
  backend = hearingBackend(await createBackend({ threads: 1 }));
});
afterAll(() => backend.dispose());

test("a download gives what the buffer held when it was asked for, and lets the event loop turn", async () => {
  const buffer = backend.allocate({ dtype: "f32", shape: [2] });
  backend.upload(buffer, Float32Array.of(1, 2));
  let turns = 0;
  setImmediate(() => turns++);
  const asked = backend.download(buffer);
  backend.upload(buffer, Float32Array.of(3, 4));
  expect(Array.from(await asked)).toEqual([1, 2]);
  expect(turns).toBe(1);
  expect(Array.from(await backend.download(buffer, 1, 1))).toEqual([4]);
});

test("a download that fails rejects, and nothing else does", async () => {
  const buffer = backend.allocate({ dtype: "f32", shape: [2] });
  backend.free(buffer);
  await expect(backend.download(buffer)).rejects.toMatchObject({ code: "buffer-freed" });
});
