// @ts-check
import { createBackend as createCpuBackend } from "@sft/kernels-cpu";
import { appendFileSync } from "node:fs";

/**
 * A backend module: what `sft train --backend ./countingBackend.js` loads. It passes every call on to the CPU backend
 * and counts them; `dispose` writes the counts, one JSON object a line, to the file that COUNTING_BACKEND_LOG names,
 * else to standard error.
 *
 * @type {import("@sft/kernels").CreateBackend}
 */
export async function createBackend(options) {
  const inner = await createCpuBackend(options);
  /** @type {Record<string, number>} */
  const counts = { allocate: 0, free: 0, upload: 0, download: 0, compile: 0, run: 0, sync: 0, dispose: 0 };
  /** Ops that ran, by name: a program is data, so that anyone may look into it. @type {Record<string, number>} */
  const ops = {};
  return {
    capabilities: { ...inner.capabilities, backend: "counting", adapter: `counting calls to: ${inner.capabilities.adapter}` },
    lost: inner.lost,
    allocate: (type, part) => (counts.allocate++, inner.allocate(type, part)),
    free: (resource) => (counts.free++, inner.free(resource)),
    upload: (buffer, data, elementOffset) => (counts.upload++, inner.upload(buffer, data, elementOffset)),
    download: (buffer, elementOffset, length) => (counts.download++, inner.download(buffer, elementOffset, length)),
    compile: (program, bindings) => (counts.compile++, inner.compile(program, bindings)),
    run(executable) {
      counts.run++;
      for (const { op } of executable.program.instructions) ops[op] = (ops[op] ?? 0) + 1;
      inner.run(executable);
    },
    sync: () => (counts.sync++, inner.sync()),
    async dispose() {
      counts.dispose++;
      await inner.dispose();
      const line = `${JSON.stringify({ calls: counts, ops })}\n`;
      if (process.env.COUNTING_BACKEND_LOG) appendFileSync(process.env.COUNTING_BACKEND_LOG, line);
      else process.stderr.write(line);
    },
  };
}
