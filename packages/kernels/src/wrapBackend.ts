import type { Backend } from "./backend.ts";

/** A backend that does and says what `overrides` has, and hands everything else on to `inner`, whose own state stays its own. */
export function wrapBackend(inner: Backend, overrides: Partial<Backend>): Backend {
  // Every member by name, optional ones too: the type fails here when the interface grows.
  const handedOn: Required<Backend> = {
    capabilities: inner.capabilities,
    lost: inner.lost,
    allocate: (...given) => inner.allocate(...given),
    free: (...given) => inner.free(...given),
    upload: (...given) => inner.upload(...given),
    download: (...given) => inner.download(...given),
    compile: (...given) => inner.compile(...given),
    run: (...given) => inner.run(...given),
    sync: () => inner.sync(),
    dispose: () => inner.dispose(),
  };
  return { ...handedOn, ...overrides };
}
