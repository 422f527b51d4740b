interface Listening {
  readonly callbacks: Set<() => void>;
  readonly listener: () => void;
}

const listening = new WeakMap<AbortSignal, Listening>();

/**
 * Calls back once when a signal aborts. However many wait for one signal, it has one listener of
 * ours: Node warns of a leak from the eleventh on.
 *
 * @param signal - One that has not aborted yet.
 * @returns Ends the waiting.
 */
export function onAbort(signal: AbortSignal | undefined, callback: () => void): () => void {
  if (signal === undefined) return () => {};
  const { callbacks, listener } = listening.get(signal) ?? listen(signal);
  callbacks.add(callback);
  return () => {
    callbacks.delete(callback);
    if (callbacks.size > 0) return;
    listening.delete(signal);
    signal.removeEventListener("abort", listener);
  };
}

function listen(signal: AbortSignal): Listening {
  const callbacks = new Set<() => void>();
  const listener = () => {
    listening.delete(signal);
    for (const callback of callbacks) callback();
  };
  const made = { callbacks, listener };
  listening.set(signal, made);
  signal.addEventListener("abort", listener, { once: true });
  return made;
}

/**
 * Settles like `work`, unless the signal aborts first: who ignores its signal holds nobody up.
 * @throws `signal.reason` at once when the signal aborts; what `work` rejects with.
 */
export function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  if (signal.aborted) {
    work.catch(() => {}); // nobody waits for it any more
    return Promise.reject(signal.reason);
  }
  return new Promise((resolve, reject) => {
    const listenNoMore = onAbort(signal, () => reject(signal.reason));
    work.then(resolve, reject).finally(listenNoMore);
  });
}

/** Joins two signals, either of which may be missing. */
export function joinSignals(one: AbortSignal | undefined, other: AbortSignal | undefined): AbortSignal | undefined {
  if (one === undefined || other === undefined || one === other) return one ?? other;
  return AbortSignal.any([one, other]);
}
