import { type Clock, sleep } from "../../core/clock.ts";
import type { CallKind } from "../../core/target.ts";
import { CloudError, type CloudErrorCode } from "./cloud-error.ts";
import type { CredentialIssuer } from "./credentials.ts";
import type { Fault, Faults } from "./fault.ts";
import type { Input } from "./input.ts";
import type { Caller } from "./lookup.ts";
import { type CloudOperation, cloudOperations } from "./operation.ts";
import type { Result, Server } from "./server.ts";
import type { Throttle } from "./server-limits.ts";

/** One request as the cloud's own log has it. */
export interface RequestRecord {
  readonly requestId: string;
  /** Unix milliseconds at which it arrived. */
  readonly at: number;
  readonly account: string;
  readonly region: string;
  readonly operation: CloudOperation;
  readonly kind: CallKind;
  /** Idempotency token of a create. */
  readonly token?: string;
  /** What was done: `ok`, or why it was not. A lost answer does not show here. */
  readonly result: "ok" | CloudErrorCode;
  /** Ids of the resources in the answer; empty for lists. */
  readonly resourceIds: readonly string[];
  /** What hit this request. */
  readonly fault?: Fault["effect"];
}

/** What happens to one request, seen from the client: it settles as the answer does, or never. */
export interface Wire {
  send(caller: Caller, credential: string | undefined, operation: CloudOperation, input: Input): Promise<Answered>;
}

/** An answer with its request id. */
export type Answered = Result & { readonly requestId: string };

/** The parts between a client and the server. */
export interface WireParts {
  readonly server: Server;
  readonly faults: Faults;
  readonly throttle: Throttle;
  readonly credentials: CredentialIssuer;
  readonly latency: () => number;
  readonly clock: Clock;
  /** Takes the record of every request that was read. */
  readonly log: (record: RequestRecord) => void;
}

const never = () => new Promise<never>(() => {});

const refusals: Partial<Record<Fault["effect"], CloudErrorCode>> = {
  unavailable: "Unavailable",
  "internal-error": "InternalError",
  unauthenticated: "Unauthenticated",
  denied: "Denied",
};

/** Makes the wire: half of the latency, the cloud's gates and work in one instant, the other half. */
export function wire({ server, faults, throttle, credentials, latency, clock, log }: WireParts): Wire {
  let requests = 0;

  function gates(caller: Caller, credential: string | undefined, operation: CloudOperation, fault?: Fault): void {
    const refusal = fault && refusals[fault.effect];
    if (refusal === "Unavailable" || refusal === "InternalError") throw new CloudError(refusal);
    const account = credential === undefined ? caller.account : credentials.accountOf(credential);
    if (account === undefined || refusal === "Unauthenticated") throw new CloudError("Unauthenticated");
    if (account !== caller.account || refusal === "Denied") throw new CloudError("Denied");
    if (fault?.effect === "throttled") throw new CloudError("Throttled", { retryAfterMs: fault.delayMs ?? 1000 });
    const { kind } = cloudOperations[operation];
    const retryAfterMs = throttle.take(caller.account, caller.region, operation, kind);
    if (retryAfterMs > 0) throw new CloudError("Throttled", { retryAfterMs });
  }

  return {
    async send(caller, credential, operation, input) {
      const took = latency();
      if (took > 0) await sleep(clock, took / 2);
      const { kind } = cloudOperations[operation];
      const fault = faults.meet({ operation, kind, ...caller });
      if (fault?.effect === "reset") throw new CloudError("ConnectionReset");

      const requestId = `req-${String(++requests).padStart(8, "0")}`;
      let result: Result | undefined;
      let failure: CloudError | undefined;
      try {
        gates(caller, credential, operation, fault);
        result = server.handle(operation, caller, input);
      } catch (error) {
        if (!(error instanceof CloudError)) throw error;
        const { code, retryAfterMs, reason } = error;
        failure = new CloudError(code, { requestId, retryAfterMs, reason });
      }
      log({
        requestId,
        at: Math.floor(clock.now()),
        ...caller,
        operation,
        kind,
        ...(typeof input.clientToken === "string" && { token: input.clientToken }),
        result: failure?.code ?? "ok",
        resourceIds: result?.resource === undefined ? [] : [result.resource.id],
        ...(fault && { fault: fault.effect }),
      });

      const back = took / 2 + (fault?.effect === "slow" ? (fault.delayMs ?? 1000) : 0);
      if (back > 0) await sleep(clock, back);
      if (fault?.effect === "silent") return never();
      if (fault?.effect === "lost") throw new CloudError("ConnectionReset");
      if (failure !== undefined) throw failure;
      return { ...result, requestId };
    },
  };
}
