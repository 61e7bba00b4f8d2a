import { preset } from "@sft/tsdown-preset";

export default preset({ index: "src/index.ts", node: "src/node.ts", huggingface: "src/huggingface.ts" });
