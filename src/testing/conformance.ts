import { attachChecks } from "./conformance/attach-checks.ts";
import { errorChecks } from "./conformance/error-checks.ts";
import { factChecks } from "./conformance/fact-checks.ts";
import { ringChecks } from "./conformance/ring-checks.ts";
import type { Check } from "./conformance/session.ts";
import type { ConformanceCapability, ConformanceCase, ConformanceSubject } from "./conformance/subject.ts";
import { tagChecks } from "./conformance/tag-checks.ts";

/** The first reason why a check makes no sense for this subject. */
function reasonToSkip<C extends object>(
  check: Check<C>,
  lacks: ConformanceSubject<C>["lacks"] = {},
): string | undefined {
  for (const required of check.needs ?? []) {
    if (typeof required === "object") return required.missing;
    const reason = required && lacks[required satisfies ConformanceCapability];
    if (reason) return reason;
  }
  return undefined;
}

/**
 * Checks that an adapter keeps the contract of {@link Adapter}: both rings around every request
 * exactly once, inputs left alone, tags and tokens on the wire, errors read and passed on, nothing
 * sent after an abort or a refusal, no secret recorded. It brings its own rings and its own wire, so
 * that it needs neither a guard nor a server, and nothing in it sleeps.
 *
 * @param subject - The adapter, how to make clients whose requests end in the kit's wire, and what they can do.
 * @returns Cases for any test runner; those that make no sense for the subject say why in `skip`.
 * @throws Nothing; a case's `run` rejects with an `AssertionError` where the adapter misbehaves.
 * @example
 * import { test } from "node:test";
 * import { adapterConformance, type ConformanceSubject } from "provider-guard/testing";
 * declare const subject: ConformanceSubject<object>;
 * for (const { title, skip, run } of adapterConformance(subject)) test(title, { skip: skip ?? false }, run);
 */
export function adapterConformance<C extends object>(subject: ConformanceSubject<C>): ConformanceCase[] {
  const checks = [attachChecks, ringChecks, tagChecks, errorChecks, factChecks].flatMap((group) => group(subject));
  return checks.map((check) => {
    const skip = reasonToSkip(check, subject.lacks);
    return {
      title: `${subject.name}: ${check.title}`,
      ...(skip === undefined ? {} : { skip }),
      run: () => check.run(subject),
    };
  });
}
