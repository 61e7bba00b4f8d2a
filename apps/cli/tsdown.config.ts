import { preset } from "@sft/tsdown-preset";

export default preset({ main: "src/main.ts" }, ["@sft/software-gpu"]);
