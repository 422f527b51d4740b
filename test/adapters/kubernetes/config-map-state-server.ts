import type { ConfigMapApi, ConfigMapObject } from "provider-guard/kubernetes";
import { apiError } from "./lease-elector-model.ts";

/** The API server as far as ConfigMaps go, with its rules about versions and sizes. */
export function configMapServer() {
  const stored = new Map<string, ConfigMapObject>();
  const requests: string[] = [];
  let version = 0;
  /** Called before each request is served; throws to fail it. */
  let before: (verb: string) => void = () => {};
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

  async function serve<T>(verb: string, work: () => T): Promise<T> {
    requests.push(verb);
    await turn();
    before(verb);
    const answer = structuredClone(work());
    await turn();
    return answer;
  }

  function keep(name: string, body: ConfigMapObject): ConfigMapObject {
    const bytes = Object.values(body.data ?? {}).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    if (bytes > 1_048_576) throw apiError(422);
    for (const key of Object.keys(body.data ?? {})) if (!/^[-._a-zA-Z0-9]{1,253}$/.test(key)) throw apiError(422);
    const kept = { ...body, metadata: { ...body.metadata, resourceVersion: String(++version) } };
    stored.set(name, JSON.parse(JSON.stringify(kept)));
    return kept;
  }

  const core: ConfigMapApi = {
    readNamespacedConfigMap: ({ name }) =>
      serve("get", () => {
        const found = stored.get(name);
        if (found === undefined) throw apiError(404);
        return found;
      }),
    createNamespacedConfigMap: ({ body }) =>
      serve("create", () => {
        const name = body.metadata?.name ?? "";
        if (stored.has(name)) throw apiError(409);
        return keep(name, body);
      }),
    replaceNamespacedConfigMap: ({ name, body }) =>
      serve("update", () => {
        const found = stored.get(name);
        if (found === undefined) throw apiError(404);
        if (found.metadata?.resourceVersion !== body.metadata?.resourceVersion) throw apiError(409);
        return keep(name, body);
      }),
  };
  return {
    core,
    stored,
    requests,
    keep,
    set before(hook: (verb: string) => void) {
      before = hook;
    },
  };
}
