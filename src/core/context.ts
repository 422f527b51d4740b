import { AsyncLocalStorage } from "node:async_hooks";
import { joinSignals } from "./abort.ts";
import type { ManualOperation } from "./manual.ts";
import type { Owner, Principal, Subject } from "./owner.ts";

/** What a reconcile, or a manual operation, hands down to every call inside it. */
export interface Scope {
  readonly owner: Owner;
  /** Aborts every wait inside the reconcile. */
  readonly signal: AbortSignal | undefined;
  /** 0 to 9, higher first. */
  readonly priority: number | undefined;
  /** When waiting makes no sense any more, in monotonic milliseconds. */
  readonly deadlineAt: number | undefined;
  /** Who does by hand what happens inside. */
  readonly manual: ManualOperation | undefined;
}

/** What may be said of a scope beside its owner. */
export type ScopeOptions = { readonly [K in keyof Omit<Scope, "owner">]?: Scope[K] | undefined };

function earlier(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}

/** Carries the owner from `guard.reconcile` to the calls inside, through timers, streams and promises. */
export interface ScopeStore {
  /** The innermost reconcile, or the bare principal outside of any. */
  current(): Scope;
  /** @param subject - `undefined`: whoever it is outside. */
  run<R>(subject: Subject | undefined, options: ScopeOptions, fn: () => R): R;
}

/** Makes one store; each guard has its own, so that two guards never mix up their owners. */
export function scopeStore(principal: Principal): ScopeStore {
  const storage = new AsyncLocalStorage<Scope>();
  const owner = Object.freeze({ ...principal });
  const outside: Scope = { owner, signal: undefined, priority: undefined, deadlineAt: undefined, manual: undefined };
  const current = () => storage.getStore() ?? outside;
  return {
    current,
    run(subject, { signal, priority, deadlineAt, manual }, fn) {
      // A reconcile inside another ends with it.
      const outer = current();
      const scope: Scope = {
        owner: subject === undefined ? outer.owner : Object.freeze({ ...principal, ...subject }), // written into many records
        signal: joinSignals(signal, outer.signal),
        priority: priority ?? outer.priority,
        deadlineAt: earlier(deadlineAt, outer.deadlineAt),
        manual: manual ?? outer.manual,
      };
      return storage.run(scope, fn);
    },
  };
}
