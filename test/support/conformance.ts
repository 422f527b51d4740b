import { adapterConformance, type ConformanceSubject } from "provider-guard/testing";
import { describe, expect, test } from "vitest";

/** Runs the whole kit on an adapter, and fails if something else is skipped than is said. */
export function conforms<C extends object>(
  subject: ConformanceSubject<C>,
  skipped: Readonly<Record<string, string>>,
): void {
  const cases = adapterConformance(subject);
  describe(`the ${subject.name} adapter conforms:`, () => {
    for (const { title, skip, run } of cases) test.skipIf(skip)(title, run);

    test("and skips only what it cannot have", () => {
      const reasons = cases.flatMap(({ title, skip }) => (skip === undefined ? [] : [[title, skip]]));
      expect(Object.fromEntries(reasons)).toEqual(skipped);
    });
  });
}
