import { preset } from "@sft/tsdown-preset";

export default preset();
