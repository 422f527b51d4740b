import { fieldsOf, textOf, textsOf, timeOf } from "./fields.ts";
import { intentIn, type TrailEvent, type TrailPrincipal } from "./trail-event.ts";

function principalOf(identity: Readonly<Record<string, unknown>>): TrailPrincipal | undefined {
  const issuer = fieldsOf(fieldsOf(identity.sessionContext).sessionIssuer);
  const principalId = textOf(identity.principalId);
  const [stable, session] = principalId?.split(":") ?? [];
  const ids = textsOf([issuer.arn, identity.arn, issuer.principalId, stable, principalId, identity.accessKeyId]);
  const [id] = ids;
  if (id === undefined) return undefined;
  const name = textOf(issuer.userName) ?? textOf(identity.userName);
  return { id, type: textOf(identity.type) ?? "unknown", name, session, ids };
}

/** Requests that AWS makes by itself, or on behalf of somebody whose own request is in the trail too. */
function serviceOf(record: Readonly<Record<string, unknown>>, identity: Readonly<Record<string, unknown>>) {
  const invokedBy = textOf(identity.invokedBy);
  if (invokedBy !== undefined) return invokedBy;
  const issuer = textOf(fieldsOf(fieldsOf(identity.sessionContext).sessionIssuer).arn);
  if (issuer?.includes(":role/aws-service-role/")) return issuer;
  if (record.eventType === "AwsServiceEvent" || identity.type === "AWSService") return textOf(record.eventSource);
  return undefined;
}

const consoleAgent = /^(?:console|signin)\.amazonaws\.com$|^AWS Console\b|\[S3Console\//;

/** The rare record is about hundreds of resources; the first few say enough. */
function resourcesOf({ resources, requestParameters, responseElements }: Readonly<Record<string, unknown>>) {
  const named = Array.isArray(resources) ? resources.slice(0, 32).map((item) => fieldsOf(item).ARN) : [];
  const found: unknown[] = [...named];
  const walk = (value: unknown, key: string, depth: number): void => {
    if (found.length >= 64 || depth > 5) return;
    if (typeof value === "string") {
      if (/(?:Id|Arn|ARN|Name)$/.test(key)) found.push(value);
    } else if (Array.isArray(value)) for (const item of value.slice(0, 32)) walk(item, key, depth + 1);
    else for (const [name, inner] of Object.entries(fieldsOf(value)).slice(0, 64)) walk(inner, name, depth + 1);
  };
  walk(requestParameters, "", 0);
  walk(responseElements, "", 0);
  return textsOf(found);
}

/**
 * Reads one CloudTrail record.
 * @returns `undefined` if it is none.
 * @see AWS CloudTrail user guide, "CloudTrail record contents" and "userIdentity element", read 2026-11
 */
export function cloudTrailRecord(value: unknown): TrailEvent | undefined {
  const record = fieldsOf(value);
  const at = timeOf(record.eventTime);
  const id = textOf(record.eventID);
  const operation = textOf(record.eventName);
  const source = textOf(record.eventSource);
  if (at === undefined || id === undefined || operation === undefined || source === undefined) return undefined;
  const identity = fieldsOf(record.userIdentity);
  const principal = principalOf(identity);
  const userAgent = textOf(record.userAgent);
  const fromConsole = record.sessionCredentialFromConsole === "true" || record.sessionCredentialFromConsole === true;
  const consoleEvent = record.eventType === "AwsConsoleAction" || record.eventType === "AwsConsoleSignIn";
  return {
    cloud: "aws",
    id,
    at,
    service: source.replace(/\.amazonaws\.com(\.cn)?$/, ""),
    operation,
    readOnly: record.readOnly === true || record.readOnly === "true",
    account: textOf(record.recipientAccountId) ?? textOf(identity.accountId),
    region: textOf(record.awsRegion),
    requestIds: textsOf([record.requestID]),
    principal,
    userAgent,
    resources: resourcesOf(record),
    error: textOf(record.errorCode),
    console: fromConsole || consoleEvent || (userAgent !== undefined && consoleAgent.test(userAgent)),
    byService: serviceOf(record, identity),
    sourceIp: textOf(record.sourceIPAddress),

    intent: intentIn(
      typeof record.userAgent === "string" ? record.userAgent.slice(0, 4096) : undefined,
      principal?.session,
    ), // the mark stands at its end,
  };
}
