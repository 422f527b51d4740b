import { fieldsOf, statusObjectIn } from "../core/kubernetes-status.ts";

/** The words of RBAC in the message of a 403; whatever else stands there is not looked at. */
const pattern = /\bcannot ([a-z]{1,32}) resource "([a-z0-9./-]{1,128})" in API group "([a-z0-9.-]{0,128})"/;

/**
 * The right that Kubernetes' RBAC did not find, as `kubectl auth can-i` takes it: `get secrets`,
 * `patch acmemachines.infrastructure.acme.example/status`; `undefined` for any other error.
 */
export function deniedRight(error: unknown): string | undefined {
  const { reason, message } = statusObjectIn(fieldsOf(error)) ?? {};
  if (reason !== "Forbidden" || typeof message !== "string") return undefined;
  const [, verb, path = "", group] = pattern.exec(message.slice(0, 4_096)) ?? [];
  if (verb === undefined) return undefined;
  const [resource, ...subresource] = path.split("/");
  return `${verb} ${[[resource, group].filter(Boolean).join("."), ...subresource].join("/")}`;
}
