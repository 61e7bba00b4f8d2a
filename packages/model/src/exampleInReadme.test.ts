import { testReadmeExample } from "@sft/vitest-preset/readmeExample";

testReadmeExample(import.meta.url);
