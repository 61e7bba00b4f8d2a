import { preset } from "@sft/vitest-preset";

export default preset();
