import type { Backend, BackendBuffer, HostArray } from "../backend.ts";
import { BackendError } from "../errors.ts";
import { scale } from "../ops/elementwise.ts";
import { Tape } from "../tape.ts";

/**
 * Checks that parts of a buffer are its memory: what is written to a part, by the host or by a program, is read in the whole, and the
 * other way round, and that nothing behind a part changes. A backend without `partAlignment` makes no parts, and passes.
 * @throws Error that says what was expected and what came.
 */
export async function checkParts(backend: Backend): Promise<void> {
  const { partAlignment } = backend.capabilities;
  if (partAlignment === undefined) return;
  const length = 3 * partAlignment;
  const whole = backend.allocate({ shape: [length], dtype: "f32" });
  const lengths = [partAlignment, partAlignment - 1, partAlignment].map((count) => Math.max(1, count));
  const parts = lengths.map((count, index) =>
    backend.allocate({ shape: [count], dtype: "f32" }, { of: whole, firstElement: index * partAlignment }),
  );
  const values = Float32Array.from({ length }, (_, index) => index + 1);
  const expected = Float32Array.from(values);
  backend.upload(whole, values);
  const inPart = (part: number, change: (value: number) => number): void => {
    for (let index = 0; index < lengths[part]!; index++)
      expected[part * partAlignment + index] = change(expected[part * partAlignment + index]!);
  };
  const expectEqual = async (buffer: BackendBuffer, wanted: ArrayLike<number>, what: string): Promise<void> => {
    const got: HostArray = await backend.download(buffer);
    if (got.length !== wanted.length || !Array.from(wanted).every((value, index) => value === got[index]))
      throw new Error(`${what}: expected ${Array.from(wanted).join()}, got ${Array.from(got).join()}`);
  };
  for (const [index, part] of parts.entries())
    await expectEqual(
      part,
      expected.subarray(index * partAlignment, index * partAlignment + lengths[index]!),
      `part ${index} of an uploaded whole`,
    );

  backend.upload(parts[1]!, Float32Array.of(-5), 0);
  expected[partAlignment] = -5;
  await scaleInPlace(backend, parts[2]!, 2);
  inPart(2, (value) => 2 * value);
  await expectEqual(whole, expected, "the whole after an upload to part 1 and a program on part 2");
  await scaleInPlace(backend, parts[1]!, 7);
  inPart(1, (value) => 7 * value);
  await expectEqual(whole, expected, "the whole after a program on part 1, which ends before the next one starts");
  await scaleInPlace(backend, whole, 3);
  expected.forEach((value, index) => (expected[index] = 3 * value));
  await expectEqual(parts[1]!, expected.subarray(partAlignment, partAlignment + lengths[1]!), "part 1 after a program on the whole");

  expectRefused("a part that is not inside", () =>
    backend.allocate({ shape: [partAlignment + 1], dtype: "f32" }, { of: whole, firstElement: 2 * partAlignment }),
  );
  backend.free(parts[0]!);
  await expectEqual(whole, expected, "the whole after part 0 was freed");
  backend.free(whole);
  expectRefused("an upload to a part of a freed buffer", () => backend.upload(parts[2]!, new Float32Array(1)));
  for (const part of parts.slice(1)) backend.free(part);
}

async function scaleInPlace(backend: Backend, buffer: BackendBuffer, factor: number): Promise<void> {
  const tape = new Tape("scale in place");
  const x = tape.external("x", "state", [buffer.length]);
  tape.apply(scale, [x], { factor }, [x]);
  const executable = await backend.compile(tape.finish(), new Map([["x", buffer]]));
  backend.run(executable);
  await backend.sync();
  backend.free(executable);
}

function expectRefused(what: string, act: () => unknown): void {
  try {
    act();
  } catch (error) {
    if (error instanceof BackendError) return;
    throw error;
  }
  throw new Error(`${what} was not refused`);
}
