import { describe, expect, it } from "vitest";
import { findFamily } from "./index.ts";

describe("quantised checkpoints are refused with the format's name", () => {
  it.each([
    [{ quant_method: "gptq", bits: 4 }, /quantization_config: gptq\)/],
    [{ quant_method: "awq" }, /quantization_config: awq\)/],
    [{ quant_method: "bitsandbytes", load_in_4bit: true }, /quantization_config: bitsandbytes, 4 bits\)/],
    [{ quant_method: "fp8" }, /quantization_config: fp8\)/],
    [{ load_in_8bit: true }, /unnamed format, 8 bits\)/],
  ])("%j", (quantization_config, message) => {
    expect(() => findFamily({ model_type: "llama", quantization_config })).toThrow(message);
  });

  it("null is not quantised", () => expect(findFamily({ model_type: "llama", quantization_config: null }).modelType).toBe("llama"));
});
