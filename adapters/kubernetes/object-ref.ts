/** One object, or a collection where `name` is empty; the API's own words. */
export interface ObjectRef {
  /** `core` for the group without a name. */
  readonly group: string;
  readonly version: string;
  /** The plural, e.g. `secrets`. */
  readonly resource: string;
  /** Empty for what belongs to no namespace. */
  readonly namespace: string;
  readonly name: string;
}

/** Writes a reference as `group/version/resource/namespace/name`; empty parts stay. */
export function refText({ group, version, resource, namespace, name }: ObjectRef): string {
  return [group, version, resource, namespace, name].join("/");
}

/** Reads what {@link refText} wrote; `undefined` for anything else. */
export function parseRef(text: unknown): ObjectRef | undefined {
  const parts = typeof text === "string" ? text.split("/") : [];
  const [group, version, resource, namespace, name] = parts;
  if (parts.length !== 5 || !group || !version || !resource) return undefined;
  return { group, version, resource, namespace: namespace as string, name: name as string };
}

/** What an object is known by while it lives: `group/resource/namespace/name`, or without the namespace. */
export function objectId({ group, resource, namespace, name }: Omit<ObjectRef, "version">): string {
  return namespace === "" ? `${group}/${resource}/${name}` : `${group}/${resource}/${namespace}/${name}`;
}

/** The reference behind an id, in the version that is asked for. */
export function refOfId(id: string, version: string): ObjectRef | undefined {
  const parts = id.split("/");
  if (parts.length < 3 || parts.length > 4 || parts.includes("")) return undefined;
  const [group, resource] = parts as [string, string];
  return {
    group,
    version,
    resource,
    namespace: parts.length === 4 ? (parts[2] as string) : "",
    name: parts.at(-1) as string,
  };
}

/** The path of an object, below the API server's address. */
export function pathOf({ group, version, resource, namespace, name }: ObjectRef): string {
  const root = group === "core" ? `/api/${version}` : `/apis/${group}/${version}`;
  const scope = namespace === "" ? "" : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${root}${scope}/${resource}/${encodeURIComponent(name)}`;
}
