import { preset } from "@sft/tsdown-preset";

export default preset({ index: "src/index.ts", "testing/index": "src/testing/index.ts" });
