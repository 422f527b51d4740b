import type { RedactionPolicy } from "../../src/core/redact.ts";
import type { FactBook } from "./fact-book.ts";
import type { OperationFacts } from "./facts.ts";
import { commonPlainNames } from "./plain-names.ts";

const lower = (names: readonly string[]) => new Set(names.map((name) => name.toLowerCase()));

const common = lower(commonPlainNames);
const always = ["UserData"];

/** Says what of an operation's input may be recorded, and what is secret by the SDK's own model. */
export function redactionWith(book: FactBook): (operation: string, service: string) => RedactionPolicy | undefined {
  const policies = new WeakMap<OperationFacts, RedactionPolicy>();
  return (operation, service) => {
    const facts = book.get(service, operation);
    if (facts === undefined) return undefined;
    let policy = policies.get(facts);
    if (policy === undefined) {
      policy = {
        allow: facts.plain === undefined ? common : lower(facts.plain),
        deny: lower([...facts.sensitive, ...always]),
      };
      policies.set(facts, policy);
    }
    return policy;
  };
}
