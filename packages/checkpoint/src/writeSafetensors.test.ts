import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, onTestFinished, test, vi } from "vitest";
import { openSafetensors } from "./openSafetensors.ts";
import { bytesPerElement, dtypesInFileOrder } from "./tensorDType.ts";
import type { TensorToWrite } from "./tensorSource.ts";
import { testFolder } from "../testdata/testFolder.ts";
import { writeSafetensors } from "./writeSafetensors.ts";

const tensor = fc
  .record({
    name: fc.string({ unit: "binary", maxLength: 12 }).filter((name) => name !== "__metadata__"),
    dtype: fc.constantFrom(...dtypesInFileOrder),
    shape: fc.array(fc.nat({ max: 4 }), { maxLength: 3 }),
  })
  .chain(({ name, dtype, shape }) => {
    const byteLength = shape.reduce((product, size) => product * size, bytesPerElement(dtype));
    return fc.uint8Array({ minLength: byteLength, maxLength: byteLength }).map((data) => ({ name, dtype, shape, data }));
  });

test("whatever is written is read back: names, types, shapes, bytes, metadata", async () => {
  const path = join(testFolder(), "x.safetensors");
  const tensors = fc.uniqueArray(tensor, { selector: ({ name }) => name, maxLength: 6 });
  const metadata = fc.dictionary(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), { noNullPrototype: true });
  await fc.assert(
    fc.asyncProperty(tensors, metadata, fc.boolean(), async (given, strings, lazily) => {
      const entries = given.map((entry) => ({ ...entry, data: lazily ? async () => entry.data : entry.data }));
      await writeSafetensors(path, entries, { metadata: strings });
      await using file = await openSafetensors(path);
      expect(file.metadata).toEqual(strings);
      expect(file.tensors.size).toBe(given.length);
      for (const { name, dtype, shape, data } of given) {
        expect(file.tensors.get(name)).toMatchObject({ name, dtype, shape, byteLength: data.length });
        expect(await file.read(name)).toEqual(data);
        const from = Math.floor(data.length / 3);
        expect(await file.readRange(name, from, data.length)).toEqual(data.slice(from));
      }
    }),
    { numRuns: 300 },
  );
});

test("data is fetched one tensor at a time, in file order", async () => {
  const path = join(testFolder(), "x.safetensors");
  const fetched: string[] = [];
  async function* source(): AsyncGenerator<TensorToWrite> {
    for (const name of ["b", "a", "c"]) {
      yield { name, dtype: "F32", shape: [1], data: async () => (fetched.push(name), new Float32Array([fetched.length])) };
    }
  }
  await writeSafetensors(path, source());
  expect(fetched).toEqual(["a", "b", "c"]);
  await using file = await openSafetensors(path);
  expect(await file.readFloat32("b")).toEqual(new Float32Array([2]));
});

test("names are ordered by their UTF-8 bytes, as the reference writer orders them", async () => {
  const path = join(testFolder(), "x.safetensors");
  const named = (name: string): TensorToWrite => ({ name, dtype: "U8", shape: [1], data: new Uint8Array(1) });
  // In UTF-16 the emoji begins with 0xD83D and would come before U+FF5E; in UTF-8 it begins with 0xF0 and comes after.
  await writeSafetensors(path, [named("\u{1F600}"), named("\uFF5E")]);
  await using file = await openSafetensors(path);
  expect([...file.tensors.keys()]).toEqual(["\uFF5E", "\u{1F600}"]);
});

test("a view into a larger buffer writes only its part", async () => {
  const path = join(testFolder(), "x.safetensors");
  await writeSafetensors(path, [{ name: "a", dtype: "F32", shape: [2], data: new Float32Array([1, 2, 3, 4]).subarray(1, 3) }]);
  await using file = await openSafetensors(path);
  expect([...(await file.readFloat32("a"))]).toEqual([2, 3]);
});

const one = new Float32Array(1);
const bad: [title: string, tensors: TensorToWrite[], code: string][] = [
  ["data of the wrong length", [{ name: "a", dtype: "F32", shape: [2], data: one }], "wrong-length"],
  ["float32 data called bfloat16", [{ name: "a", dtype: "BF16", shape: [1], data: one }], "wrong-length"],
  [
    "two tensors of one name",
    [
      { name: "a", dtype: "F32", shape: [1], data: one },
      { name: "a", dtype: "F32", shape: [1], data: one },
    ],
    "duplicate-name",
  ],
  ["the reserved name", [{ name: "__metadata__", dtype: "F32", shape: [1], data: one }], "bad-name"],
  ["half of a surrogate pair", [{ name: "\udc00", dtype: "F32", shape: [1], data: one }], "bad-name"],
  ["a negative size", [{ name: "a", dtype: "F32", shape: [-1], data: one }], "bad-shape"],
  ["an unknown type", [{ name: "a", dtype: "F8_E4M3" as "F32", shape: [1], data: one }], "unknown-dtype"],
];

test.each(bad)("%s is refused, the old file stays and nothing else is left", async (_, tensors, code) => {
  const folder = testFolder();
  const path = join(folder, "x.safetensors");
  writeFileSync(path, "old");
  await expect(writeSafetensors(path, tensors)).rejects.toMatchObject({ name: "SafetensorsError", code, path });
  expect(readFileSync(path, "utf8")).toBe("old");
  expect(readdirSync(folder)).toEqual(["x.safetensors"]);
});

test("a full disk is named, the old file stays and nothing else is left", async () => {
  const folder = testFolder();
  const path = join(folder, "x.safetensors");
  writeFileSync(path, "old");
  await fillDiskAfter(1);
  const tensors: TensorToWrite[] = [{ name: "a", dtype: "F32", shape: [1], data: one }];
  await expect(writeSafetensors(path, tensors)).rejects.toMatchObject({ code: "disk-full", path });
  expect(readFileSync(path, "utf8")).toBe("old");
  expect(readdirSync(folder)).toEqual(["x.safetensors"]);
});

test("a folder that does not exist is named", async () => {
  const path = join(testFolder(), "absent", "x.safetensors");
  await expect(writeSafetensors(path, [])).rejects.toMatchObject({ code: "not-writable", path });
  expect(existsSync(path)).toBe(false);
});

test("wide integers are narrowed when they fit, refused with the element when they do not", async () => {
  const path = join(testFolder(), "x.safetensors");
  await writeSafetensors(path, [
    { name: "fits", dtype: "I64", shape: [3], data: new BigInt64Array([-(2n ** 31n), 0n, 2n ** 31n - 1n]) },
    { name: "large", dtype: "I64", shape: [2], data: new BigInt64Array([1n, 2n ** 31n]) },
    { name: "unsigned", dtype: "U32", shape: [1], data: new Uint32Array([2 ** 31]) },
    { name: "flags", dtype: "BOOL", shape: [2], data: new Uint8Array([0, 1]) },
    { name: "double", dtype: "F64", shape: [2], data: new Float64Array([0.1, 1e300]) },
  ]);
  await using file = await openSafetensors(path);
  expect([...(await file.readInt32("fits"))]).toEqual([-(2 ** 31), 0, 2 ** 31 - 1]);
  expect([...(await file.readInt32("flags"))]).toEqual([0, 1]);
  expect([...(await file.readFloat32("double"))]).toEqual([Math.fround(0.1), Infinity]);
  await expect(file.readInt32("large")).rejects.toMatchObject({ code: "out-of-range", tensor: "large" });
  await expect(file.readInt32("unsigned")).rejects.toMatchObject({ code: "out-of-range", tensor: "unsigned" });
  await expect(file.readInt32("double")).rejects.toMatchObject({ code: "not-convertible" });
  await expect(file.readFloat32("flags")).rejects.toMatchObject({ code: "not-convertible" });
  await expect(file.read("absent")).rejects.toMatchObject({ code: "missing-tensor", tensor: "absent" });
  await expect(file.readRange("flags", 1, 3)).rejects.toMatchObject({ code: "out-of-range" });
  await file.close();
  await expect(file.read("flags")).rejects.toMatchObject({ code: "closed" });
});

/** Makes every write to any file fail as a full disk does, after so many have gone through. */
async function fillDiskAfter(writes: number): Promise<void> {
  const handle = await open(new URL(import.meta.url));
  const prototype = Object.getPrototypeOf(handle) as typeof handle;
  await handle.close();
  const real = prototype.write;
  const spy = vi.spyOn(prototype, "write").mockImplementation(function (this: typeof handle, ...given: unknown[]) {
    if (writes-- > 0) return Reflect.apply(real, this, given) as never;
    return Promise.reject(Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" }));
  });
  onTestFinished(() => spy.mockRestore());
}
