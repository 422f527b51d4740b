import { AsyncLocalStorage } from "node:async_hooks";
import type { Owner, Principal, Subject } from "./owner.ts";

/** What a reconcile hands down to every call inside it. */
export interface Scope {
  readonly owner: Owner;
  /** Aborts every wait inside the reconcile. */
  readonly signal: AbortSignal | undefined;
}

/** Joins two signals, either of which may be missing. */
export function joinSignals(one: AbortSignal | undefined, other: AbortSignal | undefined): AbortSignal | undefined {
  if (one === undefined || other === undefined || one === other) return one ?? other;
  return AbortSignal.any([one, other]);
}

/** Carries the owner from `guard.reconcile` to the calls inside, through timers, streams and promises. */
export interface ScopeStore {
  /** The innermost reconcile, or the bare principal outside of any. */
  current(): Scope;
  run<R>(subject: Subject, signal: AbortSignal | undefined, fn: () => R): R;
}

/** Makes one store; each guard has its own, so that two guards never mix up their owners. */
export function scopeStore(principal: Principal): ScopeStore {
  const storage = new AsyncLocalStorage<Scope>();
  const outside: Scope = { owner: Object.freeze({ ...principal }), signal: undefined };
  const current = () => storage.getStore() ?? outside;
  return {
    current,
    run(subject, signal, fn) {
      // A reconcile inside another ends with it.
      const owner = Object.freeze({ ...principal, ...subject }); // written into many records
      const scope = { owner, signal: joinSignals(signal, current().signal) };
      return storage.run(scope, fn);
    },
  };
}
