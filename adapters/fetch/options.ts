import type { SeenResource } from "../../src/core/adapter.ts";
import type { LimitRule } from "../../src/core/limit-rule.ts";
import type { TagCodec, Tags } from "../../src/core/tags.ts";
import type { FetchLike } from "./request.ts";
import type { Route } from "./routes.ts";

/** Options of {@link fetchAdapter}. */
export interface FetchAdapterOptions {
  /** Which cloud is spoken to; part of every limit's key. */
  readonly cloud: string;
  /** @defaultValue the cloud's name */
  readonly service?: string;
  /** @defaultValue `"default"` */
  readonly account?: string;
  /** @defaultValue `"default"` */
  readonly region?: string;
  /** What the URLs mean; the first route that fits wins. */
  readonly routes: readonly Route[];
  /** What every route's path starts with. @defaultValue `""` */
  readonly basePath?: string;
  /** What becomes of a mutating request that no route names. @defaultValue `"refuse"` */
  readonly unknownRoutes?: "refuse" | "allow";
  /** Puts a lease's credential into the request. @defaultValue `authorization: Bearer <value>` */
  readonly authorize?: (credential: unknown) => Readonly<Record<string, string>>;
  /** Header that carries the call's id into the cloud's own trail. @defaultValue none */
  readonly intentHeader?: string;
  /** Reads resources and their tags out of a JSON answer. */
  readonly seen?: (operation: string, body: unknown) => Iterable<SeenResource>;
  /** Reads one resource's tags, with the unguarded fetch; `undefined` if there is no such resource. */
  readonly read?: (id: string, fetch: FetchLike) => Promise<Tags | undefined>;
  /** The cloud's published limits. */
  readonly limits?: readonly LimitRule[];
  /** @defaultValue {@link plainTags} */
  readonly codec?: TagCodec;
}
