import { expect, it } from "vitest";
import { chunkSizes } from "./chunkSizes.ts";

const llama = { count: 5504, vocabulary: 128256, hiddenBytes: 4 * 2048, enoughRows: 1024, gradientRows: 2300 };
const [wide, narrow] = [{ maxBindingBytes: 2 ** 31 - 256 }, { maxBindingBytes: 128 * 1024 * 1024 }];

it("puts whole chunks into groups of about as many", () => {
  expect(chunkSizes(llama, wide)).toEqual({ chunkRows: 1024, groupRows: 2048 });
  expect(chunkSizes({ ...llama, count: 1500 }, wide)).toEqual({ chunkRows: 1024, groupRows: 1500 });
  // Five chunks fit, eleven are needed: three groups of up to four.
  expect(chunkSizes({ ...llama, enoughRows: 512, gradientRows: 2800 }, wide)).toEqual({ chunkRows: 512, groupRows: 2048 });
});

it("keeps gradients in the logits' place where groups would be no longer than chunks", () => {
  expect(chunkSizes({ ...llama, gradientRows: 0 }, wide)).toEqual({ chunkRows: 1024 });
  expect(chunkSizes({ ...llama, gradientRows: 2047 }, wide)).toEqual({ chunkRows: 1024 });
  expect(chunkSizes({ ...llama, count: 700 }, wide)).toEqual({ chunkRows: 700 });
  expect(chunkSizes({ ...llama, count: 1024 }, wide)).toEqual({ chunkRows: 1024 });
});

it("keeps both under the limit of a binding", () => {
  // 128 MiB are 261 rows of logits and 523 of gradients.
  expect(chunkSizes(llama, narrow)).toEqual({ chunkRows: 256, groupRows: 512 });
  expect(chunkSizes(llama, { maxBindingBytes: 4 * 128256 * 100 })).toEqual({ chunkRows: 100 });
  expect(chunkSizes(llama, { maxBindingBytes: 4 * 128255 })).toEqual({ chunkRows: 0 });
});
