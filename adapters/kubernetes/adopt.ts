import type { Attempt } from "../../src/core/call.ts";
import { fieldsOf, readFailure } from "../../src/core/kubernetes-status.ts";
import type { ResponseContext } from "./client.ts";
import { tokensOf } from "./metadata.ts";
import { pathOf } from "./object-ref.ts";
import type { SendPast } from "./past.ts";
import type { ApiRequest, KubernetesInput } from "./request.ts";
import { answerOf, jsonOf } from "./response.ts";

/** Whether an earlier request of the same create may have made the object. */
const mayBeOurs = ({ call, number }: Attempt) =>
  call.token !== undefined && (call.resumes !== undefined || number > 1 || call.token !== call.id);

/** What the server says of the object in the way; a refusal to say leaves things as they are. */
const settles = ({ httpStatusCode }: ResponseContext) =>
  httpStatusCode < 400 || httpStatusCode === 404 || httpStatusCode === 403;

/**
 * Looks who is in the way when a create was answered "already exists": the object of an earlier
 * request whose answer was lost is ours, and taken for the answer.
 *
 * @returns The answer that the lost one was, one that says why nobody knows, or `undefined` where the conflict stands.
 * @throws What the connection throws: then nobody knows, and the intent stays open.
 */
export async function adopt(
  attempt: Attempt,
  { ref, verb, subresource }: ApiRequest,
  answer: ResponseContext,
  past: SendPast,
): Promise<ResponseContext | undefined> {
  if (answer.httpStatusCode !== 409 || verb !== "create" || subresource !== undefined) return undefined;
  if (!mayBeOurs(attempt) || ref === undefined) return undefined;
  if (readFailure(409, answer.headers, jsonOf(answer)).code !== "AlreadyExists") return undefined;
  const { name } = fieldsOf(fieldsOf((attempt.call.input as KubernetesInput).body).metadata);
  if (typeof name !== "string" || name === "") return undefined;

  const { signal, token } = attempt.call;
  const found = await past({ path: pathOf({ ...ref, name }), accept: "application/json", signal });
  if (!settles(found)) return found;
  const object = jsonOf(found);
  if (found.httpStatusCode !== 200 || !tokensOf(object).includes(token)) return undefined;
  if (fieldsOf(fieldsOf(object).metadata).deletionTimestamp !== undefined) return undefined; // on its way out
  return answerOf(found, 201, await found.body.text());
}
