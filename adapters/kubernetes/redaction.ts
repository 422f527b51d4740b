import type { RedactionPolicy } from "../../src/core/redact.ts";
import { parseOperation } from "./operation.ts";

/**
 * Names that nothing in a body has: which object it was, and how the request was meant. Of bodies the
 * shape is recorded, since a key called `name` may stand in a Secret as well.
 */
const allow: ReadonlySet<string> = new Set([
  "objectref",
  "fieldmanager",
  "propagationpolicy",
  "graceperiodseconds",
  "resourceversionmatch",
]);

const shape: RedactionPolicy = { allow };

/** Not even the shape of what holds nothing but secrets: how many keys, and what they are called, says enough. */
const nothing: RedactionPolicy = { allow, deny: new Set(["data", "stringdata", "binarydata", "spec", "status"]) };

/** What may be recorded of an operation's input. */
export function redaction(operation: string, service: string): RedactionPolicy | undefined {
  const parsed = parseOperation(operation);
  if (parsed === undefined) return undefined;
  const { resource, subresource } = parsed;
  const secret =
    (service === "core" && resource === "secrets") || service === "authentication.k8s.io" || subresource === "token";
  return secret ? nothing : shape;
}
