import type { Target } from "./target.ts";

const requestIds: ReadonlyMap<string, string> = new Map([
  ["aws", "aws.request_id"],
  ["azure", "azure.service.request.id"],
]);

/**
 * The attribute for a cloud's id of a request.
 * @see OpenTelemetry semantic conventions 1.44, "AWS SDK client spans" and "Azure SDK", read 2026-11
 */
export const requestIdName = (cloud: string): string => requestIds.get(cloud) ?? "provider_guard.request_id";

const known = (text: string) => (text === "default" ? undefined : text);

/**
 * What a call goes to, by the names of the semantic conventions; `rpc.service` has become part of the method.
 * @see OpenTelemetry semantic conventions 1.44, "RPC attributes" and "Cloud", read 2026-11
 */
export const targetAttributes = ({ cloud, service, account, region }: Target, operation: string) => ({
  "cloud.provider": cloud,
  "cloud.region": known(region),
  "cloud.account.id": known(account),
  "rpc.method": `${service}/${operation}`,
});
