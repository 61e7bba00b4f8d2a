import { preset } from "@sft/tsdown-preset";

export default {
  ...preset({ index: "src/index.ts", node: "src/node.ts" }),
  // The declarations speak of GPUDevice; the bundler drops the reference that stands in the source.
  banner: { dts: '/// <reference types="@webgpu/types" />' },
};
