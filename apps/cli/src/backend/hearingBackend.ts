import { wrapBackend, type Backend } from "@sft/kernels";

/**
 * The same backend, which takes a turn of the event loop with each download: one that computes on this thread would
 * otherwise let no Ctrl-C through between the tokens of an answer.
 */
export function hearingBackend(inner: Backend): Backend {
  return wrapBackend(inner, {
    download: async (...given) => {
      // Asked for at once, before the turn: what is queued meanwhile may write to the buffer.
      const [data] = await Promise.all([inner.download(...given), new Promise<void>((resolve) => void setImmediate(resolve))]);
      return data;
    },
  });
}
