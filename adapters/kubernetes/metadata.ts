import { fieldsOf } from "../../src/core/kubernetes-status.ts";
import type { Tags } from "../../src/core/tags.ts";
import { plainTags } from "../../src/ownership/plain-tags.ts";

/** Carries an idempotency token that is not the call's id; a caller may set one of their own. */
export const tokenKey = "idempotency.provider-guard/token";
const intentKey = `${plainTags.prefix}intent`;
const createdAtKey = `${plainTags.prefix}created-at`;

/** What differs at each call: no selector looks for it, and an apply must not carry it. */
export const perCallKeys: ReadonlySet<string> = new Set([intentKey, createdAtKey]);

const labelValue = /^(?:[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?)?$/;

/** Puts tags into an object's metadata: labels where the value can be one, else annotations. */
export function withTags(body: object, tags: Tags): object {
  const metadata = fieldsOf(fieldsOf(body).metadata);
  const labels: Record<string, unknown> = { ...fieldsOf(metadata.labels) };
  const annotations: Record<string, unknown> = { ...fieldsOf(metadata.annotations) };
  for (const [key, value] of Object.entries(tags)) {
    const [place, other] =
      !perCallKeys.has(key) && labelValue.test(value) ? [labels, annotations] : [annotations, labels];
    place[key] = value;
    delete other[key];
  }
  return {
    ...body,
    metadata: {
      ...metadata,
      ...(Object.keys(labels).length > 0 ? { labels } : {}),
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    },
  };
}

/** Puts one annotation into an object's metadata. */
export function withAnnotation(body: object, key: string, value: string): object {
  const metadata = fieldsOf(fieldsOf(body).metadata);
  return { ...body, metadata: { ...metadata, annotations: { ...fieldsOf(metadata.annotations), [key]: value } } };
}

/** Binds a body to one object, unless the caller has. */
export function withUid(body: object, uid: string | undefined): object {
  const metadata = fieldsOf(fieldsOf(body).metadata);
  return uid === undefined || metadata.uid ? body : { ...body, metadata: { ...metadata, uid } };
}

/** The tokens by which an object can be known again: the caller's or the guard's, and the intent. */
export function tokensOf(object: unknown): unknown[] {
  const annotations = fieldsOf(fieldsOf(fieldsOf(object).metadata).annotations);
  return [annotations[tokenKey], annotations[intentKey]];
}
