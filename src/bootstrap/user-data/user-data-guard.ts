import * as z from "zod";
import { type Call, isMutating } from "../../core/call.ts";
import { parseOptions } from "../../core/config.ts";
import { GuardError } from "../../core/errors.ts";
import type { Explanation, Interceptor } from "../../core/interceptor.ts";
import type { Mode } from "../../core/phases.ts";
import type { Target } from "../../core/target.ts";
import { mayCarryUserData } from "./carrying-calls.ts";
import { isDeclaredPlain } from "./declared-plain.ts";
import { fieldFinder, type UserDataField } from "./fields.ts";
import { type Finding, type SecretKind, secretKinds } from "./finding.ts";
import { searchData } from "./search.ts";

/** A finding in the input of a call. */
export interface UserDataFinding extends Finding {
  /** The field that holds the user data, e.g. `input.LaunchTemplateData.UserData`. */
  readonly path: string;
}

/** Options of {@link userDataGuard}. */
export interface UserDataGuardOptions {
  /**
   * `observe` lets calls pass, and records what would have been refused as a decision `would-refuse`. The guard's own
   * `mode` speaks of its built-in phases, not of this.
   * @defaultValue `"enforce"`
   */
  readonly mode?: Mode;
  /** What is let pass: kinds, or a function that says so of one finding in one call. @defaultValue nothing */
  readonly allow?: readonly SecretKind[] | ((finding: UserDataFinding, call: Call) => boolean);
  /**
   * Whether user data may pass that the vault made in its mode `plain`; everything else is still looked at. Each such
   * call carries a decision `warn`.
   * @defaultValue `"refuse"`
   */
  readonly plain?: "refuse" | "allow";
  /** Whether strings that look random are findings. @defaultValue true */
  readonly entropy?: boolean;
  /** Further names of fields that hold user data, without regard to case, `-` and `_`. @defaultValue `[]` */
  readonly fields?: readonly string[];
}

const schema = z.strictObject({
  mode: z.enum(["enforce", "observe"]).default("enforce"),
  allow: z.union([z.array(z.enum(secretKinds)), z.function()]).optional(),
  plain: z.enum(["refuse", "allow"]).default("refuse"),
  entropy: z.boolean().default(true),
  fields: z.array(z.string().regex(/[A-Za-z0-9]/, "expected a name")).default([]),
});

const name = "user-data-guard";
const phase = "permit";
const code = "ERR_BOOTSTRAP_UNSEALED";
const declaredPlain = "user data in plain, as the vault made it";
const maxTold = 3;

const told = ({ kind, path, where }: UserDataFinding) => `${path}: ${kind}${where === "" ? "" : ` (${where})`}`;

function listed(findings: readonly UserDataFinding[]): string {
  const more = findings.length > maxTold ? `; and ${findings.length - maxTold} more` : "";
  return findings.slice(0, maxTold).map(told).join("; ") + more;
}

/** What a look at one call's input showed. */
interface Look {
  readonly findings: readonly UserDataFinding[];
  /** Paths of what the vault made in plain. */
  readonly plain: readonly string[];
  readonly cut: boolean;
}

const nothing: Look = { findings: [], plain: [], cut: false };

/**
 * Refuses calls whose user data looks like it holds secrets: join tokens, private keys, kubeconfigs, passwords, tokens
 * of known services, strings that look random. User data that this library sealed passes, recognised by its signed
 * manifest, or by the form of an opener whose manifest is in the store; whatever stands beside the sealed parts is
 * looked at. Place it in `createGuard`'s `interceptors`: it stands outside of all phases but `observe` and `freeze`, so
 * that no owner is looked up and no intent is written.
 *
 * @param options - See {@link UserDataGuardOptions}.
 * @returns An interceptor of the operation ring. It looks at creates, updates and deletes, in fields by the names that
 *   clouds use; what {@link findSecrets} cannot read counts as a finding. Refuses with `ERR_BOOTSTRAP_UNSEALED`, whose
 *   message names path, kind and place, and nothing of the secret.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 * @example
 * import { createGuard, fileJournal } from "provider-guard";
 * import { userDataGuard } from "provider-guard/bootstrap";
 * const guard = await createGuard({
 *   owner: { managementCluster: "6f9c2a51-7d0e-4a3b-9f0a-2c1d5e8b7a90", provider: "infrastructure-acme" },
 *   audit: fileJournal({ directory: "/var/log/acme-audit" }),
 *   interceptors: [userDataGuard({ mode: "observe" })],
 * });
 */
export function userDataGuard(options: UserDataGuardOptions = {}): Interceptor {
  const { mode, plain, entropy, fields } = parseOptions(schema, options, "userDataGuard");
  const { allow = [] } = options;
  const isAllowed = typeof allow === "function" ? allow : ({ kind }: Finding) => allow.includes(kind);
  const finder = fieldFinder(fields);
  const carries = new WeakMap<Target, boolean>(); // a target is one operation's

  function carriesUserData(call: Call): boolean {
    if (fields.length > 0) return isMutating(call);
    let known = carries.get(call.target);
    if (known === undefined) {
      known = mayCarryUserData(call);
      carries.set(call.target, known);
    }
    return known;
  }

  function search({ value, loose }: UserDataField) {
    return searchData(value, {
      entropy: entropy && !loose,
      isKnown: plain === "allow" && !loose ? isDeclaredPlain : undefined,
    });
  }

  function look(call: Call): Look {
    if (!carriesUserData(call)) return nothing;
    const found = finder.find(call.input);
    if (found.fields.length === 0) return found.cut ? { ...nothing, cut: true } : nothing;
    const searched = found.fields.map((field) => ({ path: field.path, ...search(field) }));
    return {
      cut: found.cut,
      plain: searched.filter(({ known }) => known).map(({ path }) => path),
      findings: searched
        .flatMap(({ path, findings }) => findings.map((finding) => ({ path, ...finding })))
        .filter((finding) => !isAllowed(finding, call)),
    };
  }

  function refusal(findings: readonly UserDataFinding[]): GuardError {
    const message = `${listed(findings)}: user data that holds secrets; seal it with bootstrapVault. Nothing was sent`;
    return new GuardError(code, message);
  }

  return {
    name,
    ring: "operation",
    before: phase,
    intercept(call, next) {
      const seen = look(call);
      if (seen === nothing) return next();
      const { findings } = seen;
      const warn = (note: string) => call.decisions.push({ phase, by: name, verdict: "warn", note });
      if (seen.cut) warn("the input is too large to be searched whole for user data");
      if (seen.plain.length > 0) warn(declaredPlain);
      if (findings.length === 0) return next();
      if (mode === "enforce") {
        call.decisions.push({ phase, by: name, verdict: "refuse", code });
        return Promise.reject(refusal(findings));
      }
      call.decisions.push({ phase, by: name, verdict: "would-refuse", code, note: listed(findings) });
      return next();
    },
    explain(call): Explanation {
      const { findings, plain: inPlain } = look(call);
      if (findings.length > 0) {
        const { message } = refusal(findings);
        if (mode === "enforce") return { verdict: "refuse", reason: `${code}: ${message}` };
        return { verdict: "pass", reason: `observe: would be refused, ${code}: ${listed(findings)}` };
      }
      return { verdict: "pass", reason: inPlain.length > 0 ? declaredPlain : "no user data with secrets in it" };
    },
  };
}
