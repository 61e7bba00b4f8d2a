import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CheckpointError } from "./checkpointError.ts";
import { openSafetensors } from "./openSafetensors.ts";
import { SafetensorsError } from "./safetensorsError.ts";
import type { TensorInfo } from "./tensorSource.ts";
import { testFolder } from "../testdata/testFolder.ts";

/** The bytes of a file with this header text and so many bytes of data. */
function fileOf(header: string | Uint8Array, dataBytes = 0, claimed?: bigint): Uint8Array {
  const text = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, claimed ?? BigInt(text.length), true);
  bytes.set(text, 8);
  for (let i = 0; i < dataBytes; i++) bytes[8 + text.length + i] = i;
  return bytes;
}

async function refusal(bytes: Uint8Array): Promise<{ error: SafetensorsError; path: string }> {
  const path = join(testFolder(), "x.safetensors");
  writeFileSync(path, bytes);
  const error = await openSafetensors(path).then(
    (file) => file.close().then(() => undefined),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(SafetensorsError);
  return { error: error as SafetensorsError, path };
}

const f32 = (shape: string, offsets: string): string => `{"dtype":"F32","shape":${shape},"data_offsets":${offsets}}`;

const malformed: [title: string, bytes: Uint8Array, code: string, tensor?: string][] = [
  ["an empty file", new Uint8Array(0), "truncated"],
  ["seven bytes", new Uint8Array(7), "truncated"],
  ["a header longer than the file", fileOf("{}", 0, 3n), "header-too-long"],
  ["a header over 100 MB", fileOf("{}", 0, 100_000_001n), "header-too-large"],
  ["a header length of 2^64 - 1", fileOf("{}", 0, 2n ** 64n - 1n), "header-too-large"],
  ["a header of no bytes", fileOf("", 0), "bad-header"],
  ["a header that begins with a space", fileOf(" {}"), "bad-header"],
  ["a header that is an array", fileOf("[]"), "bad-header"],
  ["a byte-order mark", fileOf("\uFEFF{}"), "bad-header"],
  ["a header that is not UTF-8", fileOf(new Uint8Array([0x7b, 0xff, 0x7d])), "bad-header"],
  ["JSON that ends early", fileOf('{"a":'), "bad-json"],
  ["a trailing comma", fileOf(`{"a":${f32("[1]", "[0,4]")},}`, 4), "bad-json"],
  ["something after the JSON", fileOf("{}x"), "bad-json"],
  ["an array nested 100,000 deep", fileOf(`{"a":${"[".repeat(100_000)}`), "bad-json"],
  ["metadata that is not text", fileOf('{"__metadata__":{"a":1}}'), "bad-metadata"],
  ["metadata that is a string", fileOf('{"__metadata__":"a"}'), "bad-metadata"],
  ["two tensors of one name", fileOf(`{"a":${f32("[1]", "[0,4]")},"a":${f32("[1]", "[4,8]")}}`, 8), "duplicate-name", "a"],
  ["one name written in two ways", fileOf(`{"a":${f32("[1]", "[0,4]")},"\\u0061":${f32("[1]", "[4,8]")}}`, 8), "duplicate-name", "a"],
  ["a shape given twice", fileOf('{"a":{"dtype":"F32","shape":[1],"shape":[2],"data_offsets":[0,4]}}', 4), "duplicate-name", "shape"],
  ["half of a surrogate pair in a name", fileOf(`{"\\ud800":${f32("[1]", "[0,4]")}}`, 4), "bad-name"],
  ["a tensor that is null", fileOf('{"a":null}'), "bad-header", "a"],
  ["an unknown dtype", fileOf('{"a":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}}', 4), "unknown-dtype", "a"],
  ["a dtype that is every object's", fileOf('{"a":{"dtype":"toString","shape":[1],"data_offsets":[0,4]}}', 4), "unknown-dtype", "a"],
  ["no dtype", fileOf('{"a":{"shape":[1],"data_offsets":[0,4]}}', 4), "unknown-dtype", "a"],
  ["a float of 8 bits", fileOf('{"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}', 4), "unsupported-dtype", "a"],
  ["no shape", fileOf('{"a":{"dtype":"F32","data_offsets":[0,4]}}', 4), "bad-shape", "a"],
  ["a negative size", fileOf(`{"a":${f32("[-1]", "[0,4]")}}`, 4), "bad-shape", "a"],
  ["minus zero", fileOf(`{"a":${f32("[-0]", "[0,0]")}}`), "bad-shape", "a"],
  ["a size that is no whole number", fileOf(`{"a":${f32("[1.5]", "[0,6]")}}`, 6), "bad-shape", "a"],
  ["a size that is text", fileOf(`{"a":${f32('["1"]', "[0,4]")}}`, 4), "bad-shape", "a"],
  ["sizes whose product overflows", fileOf(`{"a":${f32("[4294967296,4294967296]", "[0,0]")}}`), "bad-shape", "a"],
  ["an overflow hidden behind a zero", fileOf(`{"a":${f32("[4294967296,4294967296,0]", "[0,0]")}}`), "bad-shape", "a"],
  ["no offsets", fileOf('{"a":{"dtype":"F32","shape":[1]}}', 4), "bad-offsets", "a"],
  ["three offsets", fileOf(`{"a":${f32("[1]", "[0,4,8]")}}`, 4), "bad-offsets", "a"],
  ["an end before the start", fileOf(`{"a":${f32("[1]", "[4,0]")}}`, 4), "bad-offsets", "a"],
  ["a negative offset", fileOf(`{"a":${f32("[1]", "[-4,0]")}}`, 4), "bad-offsets", "a"],
  ["more bytes than the shape takes", fileOf(`{"a":${f32("[1]", "[0,8]")}}`, 8), "wrong-length", "a"],
  ["fewer bytes than the shape takes", fileOf(`{"a":${f32("[3]", "[0,8]")}}`, 8), "wrong-length", "a"],
  ["tensors that overlap", fileOf(`{"a":${f32("[2]", "[0,8]")},"b":${f32("[2]", "[4,12]")}}`, 12), "overlapping-tensors", "b"],
  ["two tensors in one place", fileOf(`{"a":${f32("[1]", "[0,4]")},"b":${f32("[1]", "[0,4]")}}`, 4), "overlapping-tensors", "b"],
  ["a hole at the start", fileOf(`{"a":${f32("[1]", "[4,8]")}}`, 8), "hole-between-tensors", "a"],
  ["a hole in the middle", fileOf(`{"a":${f32("[1]", "[0,4]")},"b":${f32("[1]", "[8,12]")}}`, 12), "hole-between-tensors", "b"],
  ["a tensor beyond the end of the file", fileOf(`{"a":${f32("[2]", "[0,8]")}}`, 7), "truncated", "a"],
  ["bytes that belong to no tensor", fileOf(`{"a":${f32("[1]", "[0,4]")}}`, 5), "trailing-bytes"],
];

test.each(malformed)("%s is refused by name", async (_, bytes, code, tensor) => {
  const { error, path } = await refusal(bytes);
  expect({ code: error.code, tensor: error.tensor, file: error.file }).toEqual({
    code,
    tensor: code === "bad-name" ? "\ud800" : tensor,
    file: path,
  });
  expect(error.message).toContain(path);
  expect(error.hint).not.toBe("");
});

test("a Git LFS pointer is told from a damaged file", async () => {
  const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n";
  const { error } = await refusal(new TextEncoder().encode(pointer));
  expect(error.message).toContain("this is a Git LFS pointer");
  expect(error.hint).toContain("git lfs pull");
});

test("what is unusual but allowed is read", async () => {
  const path = join(testFolder(), "x.safetensors");
  const scalar = '{"data_offsets":[0,4],"shape":[],"dtype":"F32","note":"unknown fields are the future\'s"}';
  writeFileSync(path, fileOf(`{"__proto__":${scalar},"":${f32("[3,0,9]", "[4,4]")},"é\\ud83d\\ude00":${f32("[1]", "[4,8]")}}  \n`, 8));
  await using file = await openSafetensors(path);
  expect([...file.tensors.values()].map(({ name, shape }) => [name, shape])).toEqual([
    ["__proto__", []],
    ["", [3, 0, 9]],
    ["é😀", [1]],
  ]);
  expect(await file.read("__proto__")).toEqual(new Uint8Array([0, 1, 2, 3]));
  expect(await file.readFloat32("")).toEqual(new Float32Array(0));
});

test("an empty tensor may share its place with the one that begins there, in whatever order they are named", async () => {
  const path = join(testFolder(), "x.safetensors");
  writeFileSync(path, fileOf(`{"full":${f32("[1]", "[0,4]")},"empty":${f32("[0]", "[0,0]")}}`, 4));
  await using file = await openSafetensors(path);
  expect([...file.tensors.keys()]).toEqual(["full", "empty"]);
});

test("a path where nothing is, and a folder, are refused with the path", async () => {
  const folder = testFolder();
  for (const [path, code] of [
    [join(folder, "absent"), "not-found"],
    [folder, "unreadable"],
  ]) {
    const error = await openSafetensors(path).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error).toMatchObject({ code, path });
  }
});

describe("a valid file, spoilt", () => {
  const header = `{"__metadata__":{"format":"pt"},"weight":${f32("[2,3]", "[0,24]")},"bias":${f32("[2]", "[24,32]")}}   `;
  const valid = fileOf(header, 32);

  /** What reading everything gives: the tensors' descriptions and all data, or the refusal. */
  async function readAll(path: string): Promise<{ infos: TensorInfo[]; data: number[] } | SafetensorsError> {
    try {
      await using file = await openSafetensors(path);
      const infos = [...file.tensors.values()];
      const data: number[] = [];
      for (const { name } of infos) data.push(...(await file.read(name)));
      return { infos, data };
    } catch (error) {
      if (error instanceof SafetensorsError) return error;
      throw error;
    }
  }

  test("cut at any length it is refused", async () => {
    const path = join(testFolder(), "x.safetensors");
    for (let length = 0; length < valid.length; length++) {
      writeFileSync(path, valid.subarray(0, length));
      expect(await readAll(path), `${length} bytes`).toBeInstanceOf(SafetensorsError);
    }
  });

  test("cut after it was opened, the read is refused", async () => {
    const path = join(testFolder(), "x.safetensors");
    writeFileSync(path, valid);
    await using file = await openSafetensors(path);
    truncateSync(path, valid.length - 1);
    await expect(file.read("bias")).rejects.toMatchObject({ code: "truncated", tensor: "bias" });
    expect((await file.readFloat32("weight")).length).toBe(6);
  });

  test("with random bytes changed it reads the same data or is refused, never anything else", async () => {
    const path = join(testFolder(), "x.safetensors");
    const change = fc.tuple(
      fc.nat({ max: 7 + header.length }),
      fc.oneof(
        fc.nat({ max: 255 }),
        fc.constantFrom(...'{}[]":,0129-.eF\\').map((c) => c.charCodeAt(0)),
      ),
    );
    const data = [...valid.subarray(8 + header.length)];
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        const spoilt = valid.slice();
        for (const [at, byte] of changes) spoilt[at] = byte;
        writeFileSync(path, spoilt);
        const outcome = await readAll(path);
        // Whatever names or types a changed header gives them, the tensors still tile exactly the same data.
        if (!(outcome instanceof SafetensorsError)) expect(outcome.data.sort((a, b) => a - b)).toEqual(data);
      }),
      { numRuns: 1500 },
    );
  });
});
