import { systemClock } from "./core/clock.ts";
import { scopeStore } from "./core/context.ts";
import { systemRandom } from "./core/id.ts";
import { memoryState } from "./core/memory-state.ts";
import { checkPrincipal } from "./core/owner.ts";
import { createTelemetry, noTelemetry } from "./core/telemetry.ts";
import { assemble, rehearse } from "./guard-assembly.ts";
import type { Guard } from "./guard-interface.ts";
import { checkGuardOptions, type GuardOptions, modeReader } from "./guard-options.ts";
import { runningGuard } from "./running-guard.ts";

/**
 * Makes the guard of one controller process.
 *
 * @param options - Who it works for, where the audit log goes, and what should differ from the defaults.
 * @returns A guard with its audit log open.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, `ERR_OWNER_INVALID`, naming the path, before anything is opened.
 * @throws {@link GuardError} `ERR_STATE_UNAVAILABLE`: nobody can say whether an emergency stop is in force.
 * @throws {@link GuardError} `ERR_AUDIT_LOCKED`, `ERR_AUDIT_CORRUPT`, `ERR_AUDIT_UNAVAILABLE`, naming the journal's path.
 * @example
 * import { createGuard, fileJournal } from "provider-guard";
 * const guard = await createGuard({
 *   owner: { managementCluster: "6f9c2a51-7d0e-4a3b-9f0a-2c1d5e8b7a90", provider: "infrastructure-acme" },
 *   audit: fileJournal({ directory: "/var/log/acme-audit" }),
 * });
 */
export async function createGuard(options: GuardOptions): Promise<Guard> {
  checkGuardOptions(options);
  const principal = checkPrincipal(options.owner);
  const { clock = systemClock, random = systemRandom } = options;
  const bare = { clock, random, modeOf: modeReader(options.mode) };
  await rehearse(options, bare);
  const telemetry =
    options.telemetry === false ? noTelemetry : createTelemetry(options.telemetry ?? {}, () => clock.monotonic());
  const runtime = { ...bare, telemetry };
  const journal =
    options.audit === false ? undefined : await options.audit.open({ clock, random, principal, telemetry });
  const state = options.state ?? memoryState({ clock });
  try {
    const assembly = await assemble(options, runtime, state, journal);
    return runningGuard({
      ...assembly,
      runtime,
      journal,
      state: options.state === undefined ? state : undefined,
      scopes: scopeStore(principal),
    });
  } catch (error) {
    telemetry.close();
    await journal?.close();
    throw error;
  }
}
