/** Operations that may make something new. */
export const createVerb =
  /^(?:Allocate|Copy|Create|Export|Import|Launch|Provision|Publish|Purchase|Put|Register|Replicate|Request|Restore|Run|Start|Upload)(?=[A-Z]|$)/;

const kebabs = new Map<string, string>();

/** `VpcEndpoint` → `vpc-endpoint`, `DBInstances` → `db-instance`. */
export function kebabNoun(noun: string): string {
  let text = kebabs.get(noun);
  if (text === undefined) {
    text = noun
      .replace(/([a-z0-9])([A-Z])/g, "$1-$2")
      .replace(/([A-Z]+)([A-Z][a-z])/g, "$1-$2")
      .toLowerCase();
    if (kebabs.size > 4096) kebabs.clear();
    kebabs.set(noun, text);
  }
  return text;
}

/** Takes the plural off a kebab-case noun. */
export function singular(noun: string): string {
  if (noun.endsWith("ies")) return `${noun.slice(0, -3)}y`;
  if (/(?:ss|x|ch|sh)es$/.test(noun)) return noun.slice(0, -2);
  return /[^su]s$/.test(noun) && !noun.endsWith("is") ? noun.slice(0, -1) : noun;
}
