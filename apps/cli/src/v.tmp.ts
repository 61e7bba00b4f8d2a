import { createCpuBackend } from "@sft/kernels-cpu";
import { verifyFolder } from "/work/main/apps/cli/src/verify/verifyFolder.ts";
const precision = (process.argv[3] ?? "float32") as any;
const b = await createCpuBackend({ precision, threads: 1 });
console.log(JSON.stringify(await verifyFolder(process.argv[2]!, b), null, 1));
await b.dispose();
