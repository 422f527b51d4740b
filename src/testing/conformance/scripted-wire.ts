import type { Wire, WireReply, WireRequest } from "./subject.ts";

/** What the kit asks of its wire. */
export type Script = WireReply["kind"] | "hang";

/** A wire that answers what it is told, and remembers what came. */
export interface ScriptedWire extends Wire {
  /** Answers to come, in order; the last one goes on for ever. */
  script: Script[];
  readonly requests: WireRequest[];
  readonly replies: WireReply[];
}

const statuses: Partial<Record<WireReply["kind"], number>> = {
  ok: 200,
  invalid: 400,
  unauthenticated: 401,
  denied: 403,
  "not-found": 404,
  conflict: 409,
  throttled: 429,
  outage: 503,
};

function hang(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal?.aborted) reject(signal.reason);
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

/** @param arrived - Told of every request before it is answered. */
export function scriptedWire(arrived: () => void): ScriptedWire {
  const wire: ScriptedWire = {
    script: ["ok"],
    requests: [],
    replies: [],
    async send(request) {
      arrived();
      const index = wire.requests.push(request) - 1;
      const kind = wire.script[Math.min(index, wire.script.length - 1)] ?? "ok";
      if (kind === "hang") return hang(request.signal);
      const reply: WireReply = {
        kind,
        requestId: `kit-request-${index + 1}`,
        status: statuses[kind],
        retryAfterMs: kind === "throttled" ? 7_000 : undefined,
      };
      wire.replies.push(reply);
      return reply;
    },
  };
  return wire;
}
