import type { Backend } from "@sft/kernels";

/**
 * The same backend, which takes a turn of the event loop before each download: one that computes on this thread would
 * otherwise let no Ctrl-C through between the tokens of an answer.
 */
export function hearingBackend(inner: Backend): Backend {
  return {
    capabilities: inner.capabilities,
    lost: inner.lost,
    allocate: (...given) => inner.allocate(...given),
    free: (resource) => inner.free(resource),
    upload: (...given) => inner.upload(...given),
    download: async (...given) => {
      await new Promise<void>((resolve) => void setImmediate(resolve));
      return inner.download(...given);
    },
    compile: (...given) => inner.compile(...given),
    run: (executable) => inner.run(executable),
    sync: () => inner.sync(),
    dispose: () => inner.dispose(),
  };
}
