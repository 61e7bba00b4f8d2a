import { preset } from "@sft/tsdown-preset";

export default preset({ index: "src/index.ts", worker: "src/threads/worker.ts" });
